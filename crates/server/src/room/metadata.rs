//! What people say of themselves and of their tracks, which the server passes on as it is.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Longest metadata of one member and all of its tracks, in bytes as they are sent: more than names, colours and small
/// avatars take. Everybody in the room gets it, most of it twice, and from everybody: with 64 people that has to stay
/// well within what may wait for a socket (2 MiB).
pub const MAX_SHOWN_LEN: usize = 8 * 1024;

/// Any JSON value, opaque to the server: text that is kept once, however many people are told of it.
#[derive(Clone, Debug)]
pub struct Metadata(Arc<RawValue>);

impl Metadata {
    /// How long it is when it is sent, in bytes: as JSON in JSON, where quotes are escaped.
    pub fn shown_len(&self) -> usize {
        let text = self.0.get();
        text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
    }

    /// What it has under a key, if it is an object.
    pub fn get(&self, key: &str) -> Option<Value> {
        let mut value: Value = serde_json::from_str(self.0.get()).ok()?;
        value.get_mut(key).map(Value::take)
    }
}

impl From<&Value> for Metadata {
    fn from(value: &Value) -> Metadata {
        // A value is always text: its keys are strings.
        let text = serde_json::value::to_raw_value(value);
        text.map_or_else(|_| Metadata::default(), |text| Metadata(text.into()))
    }
}

impl From<Value> for Metadata {
    fn from(value: Value) -> Metadata {
        Metadata::from(&value)
    }
}

impl Default for Metadata {
    fn default() -> Metadata {
        Metadata(RawValue::NULL.to_owned().into())
    }
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Metadata) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.get() == other.0.get()
    }
}

impl Eq for Metadata {}

impl Hash for Metadata {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.get().hash(state);
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// By way of a value: events may name their type after their data, and then there is no text to keep any more. It puts
/// keys in order and leaves spaces out, so that the same is the same text.
impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Metadata, D::Error> {
        Value::deserialize(deserializer).map(Metadata::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_in_other_words_is_the_same_and_its_length_is_what_is_sent() {
        let read = |text| serde_json::from_str::<Metadata>(text).unwrap();
        let (one, other) = (read(r#"{"b": 1, "a": "\""}"#), read(r#"{"a":"\u0022","b":1}"#));
        assert_eq!(one, other);
        assert_eq!(serde_json::to_value(&one).unwrap(), json!({ "a": "\"", "b": 1 }));
        let inside = serde_json::to_string(&one).unwrap();
        let sent = serde_json::to_string(&inside).unwrap();
        assert_eq!(one.shown_len(), sent.len() - 2, "but for the quotes around all of it");
        assert_eq!(one.get("b"), Some(json!(1)));
        assert_eq!(Metadata::default(), read("null"));
    }
}
