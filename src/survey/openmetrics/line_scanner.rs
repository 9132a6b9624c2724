//! Splits a page into lines, piece by piece. The page is never in memory as a whole.

use std::io::BufRead;

use super::page::MetricsPage;

/// Longest line in bytes. A longer line is skipped without being stored.
const LINE_MOST: usize = 16 * 1024;

/// Reads a page in pieces. Stores at most one line.
#[derive(Debug, Default)]
pub struct LineScanner {
    page: MetricsPage,
    /// The beginning of an incomplete line.
    held: Vec<u8>,
    /// The current line is too long.
    overlong: bool,
    /// `# EOF` was read: the rest is ignored.
    ended: bool,
}

impl LineScanner {
    /// Reads the next piece.
    pub fn feed(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() && !self.ended {
            // `skip_until` searches fast, and reading from a slice cannot fail.
            let mut rest = piece;
            let taken = rest.skip_until(b'\n').unwrap_or(piece.len());
            let (line, whole) = match piece[..taken].strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (&piece[..taken], false),
            };
            if self.overlong || self.held.len() + line.len() > LINE_MOST {
                self.held.clear();
                self.overlong = !whole;
            } else if whole && self.held.is_empty() {
                self.line(line);
            } else {
                self.held.extend_from_slice(line);
                if whole {
                    self.held_line();
                }
            }
            piece = rest;
        }
    }

    /// The page. The last line needs no line break.
    #[must_use]
    pub fn finish(mut self) -> MetricsPage {
        self.held_line();
        self.page
    }

    /// Discards the current line, which may be incomplete, because the page is not read further.
    pub fn cut(&mut self) {
        self.held.clear();
        self.overlong = true;
    }

    fn held_line(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.line(&held);
    }

    fn line(&mut self, line: &[u8]) {
        if line.first() == Some(&b'#') {
            self.ended = line.trim_ascii_end() == b"# EOF";
        } else {
            self.page.read_sample(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> MetricsPage {
        read_page(text.as_bytes())
    }

    fn read_page(page: &[u8]) -> MetricsPage {
        let mut scan = LineScanner::default();
        scan.feed(page);
        scan.finish()
    }

    #[test]
    fn ignores_everything_after_the_end() {
        assert_eq!(
            read("ant_node_uptime 5\n# EOF\nant_networking_live_time 6\n")
                .figures
                .live_time,
            0
        );
        assert_eq!(read("# EOF").uptime(), None);
    }

    #[test]
    fn skips_a_very_long_line_without_storing_it() {
        let mut scan = LineScanner::default();
        scan.feed(b"ant_node_uptime 5");
        for _ in 0..1_000 {
            scan.feed(&[b'0'; 4096]);
            assert!(scan.held.capacity() <= 2 * LINE_MOST);
        }
        scan.feed(b"\nant_networking_live_time 6\n");
        let page = scan.finish();
        assert_eq!((page.uptime(), page.figures.live_time), (None, 6));
    }

    #[test]
    fn incomplete_line_counts_only_at_the_end_of_a_page() {
        let mut scan = LineScanner::default();
        scan.feed(b"ant_networking_live_time 6\nant_node_uptime 8640");
        scan.cut();
        assert_eq!(scan.finish().uptime(), None);
        assert_eq!(read("ant_node_uptime 86400").uptime(), Some(86_400));
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_page(cuts in proptest::collection::vec(1_usize..3_000, 0..40)) {
            let mut scan = LineScanner::default();
            let mut rest = PAGE;
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                scan.feed(piece);
                rest = after;
            }
            scan.feed(rest);
            prop_assert_eq!(scan.finish(), read_page(PAGE));
        }
    }

    const PAGE: &[u8] = include_bytes!("../../../tests/fixtures/antnode-0.4.17/metrics.http");
}
