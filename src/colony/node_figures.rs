//! The figures of a node: each declared once, with its metric and its column.

/// How the samples of a metric become a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// A whole number; of several samples the first that is a number.
    First,
    /// A counter: its samples, one for each set of labels, are summed.
    Sum,
    /// As `First`, in hundredths.
    Hundredths,
}

/// One whole-number figure. Its field has the name of its column in table `node`.
#[derive(Debug)]
pub struct Figure {
    pub column: &'static str,
    /// The exact name of the metric on the page `/metrics`; empty: antnode does not report it.
    pub metric: &'static str,
    pub conversion: Conversion,
    pub get: fn(&NodeFigures) -> i64,
    pub get_mut: fn(&mut NodeFigures) -> &mut i64,
}

macro_rules! node_figures {
    ($($(#[$doc:meta])* $field:ident: $conversion:ident $metric:literal,)*) => {
        /// The figures of `/metrics`, scaled as they are stored. None is negative.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct NodeFigures {
            $($(#[$doc])* pub $field: i64,)*
            /// Atto tokens, as text: they exceed 64 bits.
            pub rewards: String,
        }

        impl Default for NodeFigures {
            fn default() -> NodeFigures {
                NodeFigures { $($field: 0,)* rewards: "0".to_owned() }
            }
        }

        /// Every whole-number figure.
        pub const FIGURES: &[Figure] = &[$(Figure {
            column: stringify!($field),
            metric: $metric,
            conversion: Conversion::$conversion,
            get: |figures| figures.$field,
            get_mut: |figures| &mut figures.$field,
        },)*];
    };
}

node_figures! {
    /// Seconds.
    uptime: First "ant_node_uptime",
    records: First "ant_networking_records_stored",
    shunned: First "ant_networking_shunned_by_close_group",
    connected_peers: First "ant_networking_connected_peers",
    gets: First "",
    puts: Sum "ant_node_put_record_ok_total",
    /// Megabytes x 100.
    mem: Hundredths "ant_networking_process_memory_used_mb",
    /// Percent x 100.
    cpu: Hundredths "ant_networking_process_cpu_usage_percentage",
    open_connections: First "ant_networking_open_connections",
    total_peers: First "ant_networking_peers_in_routing_table",
    bad_peers: Sum "ant_networking_bad_peers_count_total",
    rel_records: First "ant_networking_relevant_records",
    max_records: First "ant_networking_max_records",
    payment_count: First "ant_networking_received_payment_count",
    live_time: First "ant_networking_live_time",
    network_size: First "ant_networking_estimated_network_size",
    /// Peers of any group that ever shunned it.
    shunned_total: Sum "ant_networking_shunned_count_total",
    /// Peers that shunned it while they were in its close group, including those that left the group.
    shunned_by_old: First "ant_networking_shunned_by_old_close_group",
}
