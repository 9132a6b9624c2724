//! Heap allocations of reading a node's page. A separate test binary, because its allocator counts.

use allocation_counter::measure;
use wnm::survey::openmetrics::{LineScanner, MetricsPage};

const METRICS: &[u8] = include_bytes!("../fixtures/antnode-0.4.17/metrics.http");

fn allocations(page: &[u8]) -> u64 {
    let mut read = MetricsPage::default();
    let counted = measure(|| {
        let mut scan = LineScanner::default();
        scan.feed(page);
        read = scan.finish();
    });
    assert_eq!(read.uptime(), Some(10));
    counted.count_total
}

#[test]
fn ignored_line_allocates_nothing() {
    let mut longer = METRICS.to_vec();
    for number in 0..5_000 {
        longer
            .extend(format!("ant_networking_unwanted_{number}{{a=\"b\"}} {number}.5\n# HELP x y\n").bytes());
        longer.extend(format!("libp2p_swarm_total{{peer=\"{number}\"}} {number}\n").bytes());
    }
    assert_eq!(allocations(&longer), allocations(METRICS));
}

#[test]
fn page_of_16_kb_needs_few_allocations() {
    let count = allocations(METRICS);
    assert!(count < 10, "{count}");
}
