//! What reading a node's page takes from the heap. A test binary of its own: its allocator counts.

use allocation_counter::measure;
use wnm::survey::openmetrics::Page;

const METRICS: &[u8] = include_bytes!("../fixtures/antnode-0.4.17/metrics.http");

fn allocations(page: &[u8]) -> u64 {
    let mut read = Page::default();
    let counted = measure(|| read = Page::read(page));
    assert_eq!(read.uptime(), Some(10));
    counted.count_total
}

#[test]
fn a_line_that_is_not_kept_takes_nothing_from_the_heap() {
    let mut longer = METRICS.to_vec();
    for number in 0..5_000 {
        longer
            .extend(format!("ant_networking_unwanted_{number}{{a=\"b\"}} {number}.5\n# HELP x y\n").bytes());
        longer.extend(format!("libp2p_swarm_total{{peer=\"{number}\"}} {number}\n").bytes());
    }
    assert_eq!(allocations(&longer), allocations(METRICS));
}

#[test]
fn a_page_of_16_kb_takes_a_handful_of_allocations() {
    let count = allocations(METRICS);
    assert!(count < 10, "{count}");
}
