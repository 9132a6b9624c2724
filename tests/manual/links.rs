//! Every link of the manual has a target, and every page can be reached.

use std::fs;

use super::{Page, pages, prose, top};

/// The targets of a page's links, in order.
fn links(page: &Page) -> Vec<String> {
    let text = prose(&page.text);
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split(')').next())
        .map(str::to_owned)
        .collect()
}

/// The anchors of a page's headings.
fn anchors(text: &str) -> Vec<String> {
    prose(text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_has_a_file_and_heading() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => top().join(&page.path),
                file => top().join(&page.path).with_file_name("").join(file),
            };
            let leads = target.exists()
                && (heading.is_empty()
                    || fs::read_to_string(&target)
                        .is_ok_and(|text| anchors(&text).iter().any(|anchor| anchor == heading)));
            if !leads {
                broken.push(format!("`{link}` in {}", page.path.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn every_page_of_the_manual_can_be_reached_from_the_readme() {
    let pages = pages();
    let readme = pages
        .iter()
        .find(|page| page.path.as_os_str() == "README.md")
        .expect("the README");
    let links = links(readme);
    let missing: Vec<_> = pages
        .iter()
        .filter(|page| page.path.starts_with("docs"))
        .filter(|page| !links.iter().any(|link| page.path.as_os_str() == link.as_str()))
        .map(|page| page.path.display().to_string())
        .collect();
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "pages that the README does not name"
    );
}

#[test]
fn headings_give_the_anchors_of_github() {
    assert_eq!(anchor("1: refused"), "1-refused");
    assert_eq!(anchor("First: `wnm --doctor`"), "first-wnm---doctor");
    assert_eq!(anchor("What `sudo` must allow"), "what-sudo-must-allow");
}
