//! Which models `quern-worker serve` serves: one by flags, or several by a file.

use crate::model::{Compute, ModelArgs};
use anyhow::{Context, bail};
use quern_interface::settlement::MAX_BATCH_MODELS;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A model to serve.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Id under which it is served; on chain that of its launch package.
    pub(crate) id: String,
    pub(crate) args: ModelArgs,
    /// Requests computed together.
    pub(crate) slots: usize,
    /// Requests that may wait for a slot.
    pub(crate) queue: usize,
}

/// A model in the file of `--models`. What is left out is as the flags have it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    /// From the file's folder on.
    folder: PathBuf,
    id: Option<String>,
    slots: Option<usize>,
    queue: Option<usize>,
    context: Option<usize>,
    cache_tokens: Option<usize>,
}

impl Entry {
    /// One model; its folder's name is its id unless another is given.
    pub(crate) fn new(
        folder: PathBuf,
        id: Option<String>,
        compute: Compute,
        (slots, queue): (usize, usize),
    ) -> anyhow::Result<Self> {
        let args = ModelArgs {
            model: folder,
            compute,
        };
        let id = match id {
            Some(id) => id,
            None => args.name()?,
        };
        Ok(Self {
            id,
            args,
            slots,
            queue,
        })
    }
}

/// The models of a file: a JSON list.
///
/// # Errors
/// When it is no such list, or lists none, too many, or two under one id.
pub(crate) fn read(
    path: &Path,
    compute: &Compute,
    (slots, queue): (usize, usize),
) -> anyhow::Result<Vec<Entry>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let what = || format!("{} is not a list of models", path.display());
    let listed: Vec<Listed> = serde_json::from_slice(&text).with_context(what)?;
    if listed.is_empty() || listed.len() > MAX_BATCH_MODELS {
        let count = listed.len();
        bail!(
            "{} lists {count} models; a worker serves 1 to {MAX_BATCH_MODELS}",
            path.display()
        );
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut entries = Vec::with_capacity(listed.len());
    let mut ids = BTreeSet::new();
    for one in listed {
        let compute = Compute {
            context: one.context.or(compute.context),
            cache_tokens: one.cache_tokens.or(compute.cache_tokens),
            ..compute.clone()
        };
        let limits = (one.slots.unwrap_or(slots), one.queue.unwrap_or(queue));
        let entry = Entry::new(folder.join(one.folder), one.id, compute, limits)?;
        if !ids.insert(entry.id.clone()) {
            bail!("{} lists two models with the id {:?}", path.display(), entry.id);
        }
        entries.push(entry);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<Vec<Entry>, String> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let path = folder.path().join("models.json");
        std::fs::write(&path, text).unwrap();
        let compute = Compute {
            threads: Some(3),
            context: Some(100),
            cache_tokens: None,
            cuda: false,
        };
        read(&path, &compute, (8, 16)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn each_model_has_its_own_limits_and_those_of_the_flags_where_it_says_nothing() {
        let entries = list(
            r#"[{"folder": "a"}, {"folder": "b", "id": "other", "slots": 2, "queue": 3, "context": 50, "cache_tokens": 70}]"#,
        )
        .unwrap();
        let seen = |entry: &Entry| {
            let compute = &entry.args.compute;
            let limits = (entry.slots, entry.queue, compute.context, compute.cache_tokens);
            (entry.id.clone(), limits)
        };
        assert_eq!(seen(&entries[0]), ("a".into(), (8, 16, Some(100), None)));
        assert_eq!(seen(&entries[1]), ("other".into(), (2, 3, Some(50), Some(70))));
        assert!(entries[0].args.model.ends_with("a"));
    }

    #[test]
    fn the_list_of_the_hosts_chapter_is_one() {
        let page = include_str!("../../../docs/host/serving.md");
        let (_, rest) = page.split_once("## Several models").unwrap();
        let text = rest.split("```json").nth(1).unwrap().split("```").next().unwrap();
        let listed: Vec<Listed> = serde_json::from_str(text).unwrap();
        assert_eq!((listed.len(), listed[1].slots), (2, Some(4)));
    }

    #[test]
    fn a_list_that_is_none_or_names_a_model_twice_is_refused_with_words() {
        let many = vec![r#"{"folder": "a"}"#; 17].join(",");
        for (text, why) in [
            ("[]", "lists 0 models"),
            (&*format!("[{many}]"), "lists 17 models"),
            (
                r#"[{"folder": "a"}, {"folder": "b", "id": "a"}]"#,
                "two models with the id \"a\"",
            ),
            (r#"[{"folder": "a", "slot": 1}]"#, "unknown field `slot`"),
            (r#"{"folder": "a"}"#, "is not a list of models"),
            (r#"[{"folder": "missing"}]"#, "missing"),
        ] {
            let error = list(text).unwrap_err();
            assert!(error.contains(why), "{why}: {error}");
        }
    }
}
