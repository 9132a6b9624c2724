//! Whether one match of an nftables rule holds for a packet.

use serde_json::Value;

use super::port_verdict::Family;

/// A packet that a sender on the internet sends to a port of this machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) port: u16,
    pub(super) family: Family,
    /// The interface at which it arrives, if that is known.
    pub(super) interface: Option<&'a str>,
}

/// Whether a match holds for the packet; None: that depends on something else. `set` finds the elements of a
/// named set.
pub(super) fn matches(body: &Value, packet: Packet<'_>, set: &dyn Fn(&str) -> Option<Value>) -> Option<bool> {
    let left = body.get("left")?;
    let op = text_of(body, "op");
    if left.get("fib").is_some() {
        return Some(false);
    }
    let of_set;
    let right = match body.get("right")?.as_str().filter(|text| text.starts_with('@')) {
        Some(name) => {
            of_set = set(name)?;
            &of_set
        }
        None => body.get("right")?,
    };
    let value = match left_side(left, packet)? {
        LeftSide::OtherProtocol => return Some(false),
        LeftSide::Interface(name) => {
            let Some(name) = name else {
                return (right.as_str() == Some("lo")).then_some(op == "!=");
            };
            if let Some(prefix) = right.as_str().and_then(|right| right.strip_suffix('*')) {
                return Some(name.starts_with(prefix) == (op != "!="));
            }
            Value::from(name)
        }
        LeftSide::Value(value) => value,
        LeftSide::NatStatus => return (right.as_str() == Some("dnat")).then_some(op == "!="),
    };
    let is_in = match right {
        Value::Object(_) if right.get("set").is_some() => in_list(right.get("set")?.as_array()?, &value),
        Value::Object(_) => in_element(right, &value),
        Value::Array(list) => in_list(list, &value),
        _ => {
            let order = number(&value).zip(number(right));
            match op {
                "<" => return order.map(|(one, two)| one < two),
                ">" => return order.map(|(one, two)| one > two),
                "<=" => return order.map(|(one, two)| one <= two),
                ">=" => return order.map(|(one, two)| one >= two),
                _ => Some(value == *right),
            }
        }
    }?;
    match op {
        "==" | "in" => Some(is_in),
        "!=" => Some(!is_in),
        _ => None,
    }
}

/// What a match looks at.
enum LeftSide<'a> {
    Value(Value),
    Interface(Option<&'a str>),
    /// Whether the address was translated; never for a port of the machine itself.
    NatStatus,
    /// A header that UDP packets of this family do not have.
    OtherProtocol,
}

/// None: it is something that differs between senders, or that is not known here.
fn left_side<'a>(left: &Value, packet: Packet<'a>) -> Option<LeftSide<'a>> {
    if let Some(payload) = left.get("payload") {
        return match (text_of(payload, "protocol"), text_of(payload, "field")) {
            ("udp" | "th", "dport") => Some(LeftSide::Value(packet.port.into())),
            ("tcp" | "icmp" | "icmpv6" | "sctp" | "dccp", _) => Some(LeftSide::OtherProtocol),
            ("ip", _) if packet.family == Family::V6 => Some(LeftSide::OtherProtocol),
            ("ip6", _) if packet.family == Family::V4 => Some(LeftSide::OtherProtocol),
            ("ip", "protocol") | ("ip6", "nexthdr") => Some(LeftSide::Value("udp".into())),
            _ => None,
        };
    }
    if let Some(meta) = left.get("meta") {
        return match text_of(meta, "key") {
            "l4proto" => Some(LeftSide::Value("udp".into())),
            "nfproto" => Some(LeftSide::Value(packet.family.nft_name().into())),
            "iif" | "iifname" => Some(LeftSide::Interface(packet.interface)),
            _ => None,
        };
    }
    match text_of(left.get("ct")?, "key") {
        "state" => Some(LeftSide::Value("new".into())),
        "status" => Some(LeftSide::NatStatus),
        _ => None,
    }
}

/// Whether the value is in the list; None if the list has an element of an unknown form.
fn in_list(list: &[Value], value: &Value) -> Option<bool> {
    let mut is_in = false;
    for element in list {
        is_in |= in_element(element, value)?;
    }
    Some(is_in)
}

fn in_element(element: &Value, value: &Value) -> Option<bool> {
    if let Some(inner) = element.pointer("/elem/val") {
        return in_element(inner, value);
    }
    if let Some(range) = element.get("range") {
        let value = number(value)?;
        return Some((number(range.get(0)?)?..=number(range.get(1)?)?).contains(&value));
    }
    (!element.is_object()).then(|| element == value)
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64()
}

/// The name and the value of an object with one entry.
pub(super) fn only_entry(value: &Value) -> Option<(&str, &Value)> {
    let (name, inner) = value.as_object()?.iter().next()?;
    Some((name.as_str(), inner))
}

pub(super) fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
