//! Events as CometBFT indexes them.

/// One attribute of an [`Event`]. Every attribute is indexed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Non-empty key.
    pub key: String,
    /// Value, possibly empty.
    pub value: String,
}

/// A typed list of attributes, in emission order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Event type, for example `transfer`.
    pub ty: String,
    /// Attributes in order: some clients read them by position.
    pub attributes: Vec<Attribute>,
}

impl Event {
    /// An event without attributes.
    pub fn new(ty: impl Into<String>) -> Self {
        Self {
            ty: ty.into(),
            attributes: Vec::new(),
        }
    }

    /// Appends an attribute.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.attributes.push(Attribute {
            key: key.into(),
            value: value.to_string(),
        });
        self
    }

    /// The first value under `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|a| a.key == key)
            .map(|a| a.value.as_str())
    }
}
