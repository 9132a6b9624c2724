//! What an operator changed in a unit that anm wrote.

use super::units::NodeUnit;

/// The only variable that anm writes.
const ANM_VARIABLE: (&str, &str) = ("ANT_LOG", "ant_evm=error");

/// The option that anm writes for the shared cache.
const CACHE: &str = "--bootstrap-cache-dir";

/// The arguments that anm never writes, in order.
#[must_use]
pub fn strange_words(unit: &NodeUnit) -> Vec<String> {
    let mut strange = Vec::new();
    let mut words = unit.extra.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            CACHE | "--bootstrap" => {
                words.next();
            }
            glued if glued.starts_with("--bootstrap-cache-dir=") || glued.starts_with("--bootstrap=") => {}
            other => strange.push(other.to_owned()),
        }
    }
    strange
}

/// Whether it has another environment than anm writes.
#[must_use]
pub fn has_strange_environment(unit: &NodeUnit) -> bool {
    let is_anms = |(name, value): &(String, String)| (name.as_str(), value.as_str()) == ANM_VARIABLE;
    unit.environment_lines > 1 || unit.environment.len() > 1 || !unit.environment.iter().all(is_anms)
}

/// Whether an operator changed its arguments or environment.
#[must_use]
pub fn is_by_hand(unit: &NodeUnit) -> bool {
    !strange_words(unit).is_empty() || has_strange_environment(unit)
}

/// The thousands of a port that is thousands plus the number; `None`: it is not.
#[must_use]
pub fn thousands(port: Option<u16>, number: u32) -> Option<u32> {
    let rest = u32::from(port?).checked_sub(number)?;
    (rest > 0 && rest.is_multiple_of(1000)).then_some(rest / 1000)
}

#[cfg(test)]
mod tests {
    use super::thousands;

    #[test]
    fn thousands_need_a_port_that_follows_from_the_number() {
        assert_eq!(thousands(Some(55_001), 1), Some(55));
        assert_eq!(thousands(Some(56_001), 1001), Some(55));
        assert_eq!(thousands(Some(12_016), 17), None);
        assert_eq!(thousands(Some(1), 1), None);
        assert_eq!(thousands(None, 1), None);
    }
}
