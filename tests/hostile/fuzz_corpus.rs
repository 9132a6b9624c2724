//! Replays the inputs that the fuzz targets found; each property holds for all of them.

use std::path::Path;

use super::fuzz_properties::LAWS;

#[test]
fn every_fuzz_property_holds_for_the_corpus() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    if !fuzz.is_dir() {
        eprintln!("SKIPPED: the fuzz targets are not part of this package");
        return;
    }
    let mut inputs: Vec<Vec<u8>> = vec![Vec::new(), vec![0; 64], vec![0xff; 64], b"\xef\xbb\xbf".to_vec()];
    for law in LAWS {
        let folder = fuzz.join("corpus").join(law.name);
        let kept = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let before = inputs.len();
        inputs.extend(
            kept.flatten()
                .map(|entry| std::fs::read(entry.path()).expect("an input")),
        );
        assert!(inputs.len() > before, "{} holds inputs", folder.display());
        assert!(
            fuzz.join("targets").join(format!("{}.rs", law.name)).is_file(),
            "{} has a target",
            law.name
        );
    }
    for law in LAWS {
        inputs.iter().for_each(|input| (law.holds_for)(input));
    }
}
