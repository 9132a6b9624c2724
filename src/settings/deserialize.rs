//! Reads structs with serde from the values of settings.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

use super::parse_value::Value;

/// Values by the names of their settings.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// Reads a struct whose fields have the names of settings.
pub(super) fn from_values<T: DeserializeOwned>(values: Values) -> Result<T, Error> {
    T::deserialize(MapDeserializer::new(values.into_iter()))
}

/// Reads a value that is one of several words.
pub(super) fn word<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom(format_args!("unknown word `{text}`")))
}

/// Reads a value that is one of several words, of a setting without a default.
pub(super) fn optional_word<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    word(deserializer).map(Some)
}

impl<'de> IntoDeserializer<'de> for Value {
    type Deserializer = Value;

    fn into_deserializer(self) -> Value {
        self
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Nothing => visitor.visit_unit(),
            Value::Whole(value) => visitor.visit_i64(value),
            Value::Number(value) => visitor.visit_f64(value),
            Value::On(is_on) => visitor.visit_bool(is_on),
            Value::Text(text) => visitor.visit_string(text),
            Value::Path(path) => visitor.visit_string(path.to_string_lossy().into_owned()),
            Value::Words(words) => visitor.visit_seq(SeqDeserializer::new(words.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Value::Nothing => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct enum identifier ignored_any
    }
}
