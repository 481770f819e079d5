//! One source of settings as text, before anything is understood.

use std::collections::BTreeMap;
use std::path::Path;

use super::{ConfigError, KEYS, Key, Origin, Shape};

/// The variable that names the file of settings.
pub const CONFIG_VARIABLE: &str = "PARLOR_CONFIG";

/// What one source says, by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Which source.
    pub origin: Origin,
    /// Its values as text; a switch is `true` or `false`.
    pub values: BTreeMap<&'static str, Vec<String>>,
}

impl Layer {
    /// A source that says nothing yet.
    pub fn new(origin: Origin) -> Layer {
        Layer { origin, values: BTreeMap::new() }
    }
}

/// The environment's `PARLOR_*` variables. An empty one says nothing.
pub fn read_environment(variable: impl Fn(&str) -> Option<String>) -> Layer {
    let mut layer = Layer::new(Origin::Environment);
    for key in &KEYS {
        let said = variable(&Origin::Environment.spell(key.name)).filter(|text| !text.is_empty());
        if let Some(text) = said {
            let values = match key.shape {
                Shape::Many => text.split(',').map(|part| part.trim().to_owned()).collect(),
                Shape::One | Shape::Switch => vec![text],
            };
            layer.values.insert(key.name, values);
        }
    }
    layer
}

/// Of the environment's variables those that look like ours and are not: misspelt, perhaps.
pub fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_known = |name: &str| {
        name == CONFIG_VARIABLE
            || KEYS.iter().any(|key| Origin::Environment.spell(key.name) == name)
    };
    names.filter(|name| name.starts_with("PARLOR_") && !is_known(name)).collect()
}

/// The settings of a TOML file.
///
/// # Errors
/// When it cannot be read, is not TOML, or has a key or a form of value that there is not.
pub fn read_file(path: &Path) -> Result<Layer, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        message: error.to_string(),
    })?;
    let mut layer = Layer::new(Origin::File(path.to_owned()));
    for (name, value) in table {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(ConfigError::UnknownKey { path: path.to_owned(), key: name });
        };
        let values = texts(key, &value).ok_or_else(|| ConfigError::Value {
            key: key.name,
            origin: layer.origin.clone(),
            expected: form(key.shape).to_owned(),
            got: value.to_string(),
        })?;
        layer.values.insert(key.name, values);
    }
    Ok(layer)
}

fn form(shape: Shape) -> &'static str {
    match shape {
        Shape::One => "one value",
        Shape::Many => "a list such as [\"one\", \"two\"]",
        Shape::Switch => "true or false",
    }
}

fn texts(key: &Key, value: &toml::Value) -> Option<Vec<String>> {
    match (key.shape, value) {
        (Shape::Many, toml::Value::Array(values)) => values.iter().map(text).collect(),
        (_, value) => text(value).map(|text| vec![text]),
    }
}

fn text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Layers in order of precedence, the strongest first.
pub(super) struct Layers<'a>(pub(super) &'a [Layer]);

impl Layers<'_> {
    fn find(&self, key: &str) -> Option<(&Layer, &'static str, &[String])> {
        self.0.iter().find_map(|layer| {
            let (name, values) = layer.values.get_key_value(key)?;
            Some((layer, *name, values.as_slice()))
        })
    }

    /// The values of a key, understood by `parse`, which says what it expected when it cannot.
    pub(super) fn many<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let Some((layer, key, values)) = self.find(key) else { return Ok(Vec::new()) };
        let understand = |text: &String| {
            parse(text.trim()).map_err(|expected| ConfigError::Value {
                key,
                origin: layer.origin.clone(),
                expected,
                got: text.clone(),
            })
        };
        values.iter().map(understand).collect()
    }

    /// The one value of a key.
    pub(super) fn one<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        Ok(self.many(key, parse)?.pop())
    }

    /// How strong the layer is that says something of a key: 0 is the strongest.
    pub(super) fn rank(&self, key: &str) -> Option<usize> {
        self.0.iter().position(|layer| layer.values.contains_key(key))
    }

    /// Whether the strongest layer that says something of a key says an empty list.
    pub(super) fn is_empty(&self, key: &str) -> bool {
        self.find(key).is_none_or(|(.., values)| values.is_empty())
    }

    /// A key as it was written where it was said.
    pub(super) fn spell(&self, key: &str) -> String {
        self.origin(key).spell(key)
    }

    fn origin(&self, key: &str) -> Origin {
        self.find(key).map_or(Origin::Flag, |(layer, ..)| layer.origin.clone())
    }

    /// The complaint that `key`, which somebody has set, wants something else beside it.
    pub(super) fn conflict(&self, key: &'static str, expected: &'static str) -> ConfigError {
        ConfigError::Conflict { key, origin: self.origin(key), expected }
    }
}
