//! Which host serves which models: all of them one, or what a file says.

use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The model that the repository carries.
pub const MODEL: &str = "quern-small";
/// Most models of a host, as the registry's profiles have it.
const MAX_OFFERS: usize = 16;

/// Models, and the hosts that serve them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// What genesis launches.
    pub models: Vec<Model>,
    /// The ids of the models that each host serves.
    pub hosts: Vec<Vec<String>>,
}

/// A model that genesis launches.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its id on the chain.
    pub id: String,
    /// Folder of its files.
    pub folder: PathBuf,
    /// Price of a token at launch, in nqrn.
    #[serde(default = "price")]
    pub price: String,
    /// By what audits judge it; `calibration.json` in its folder by default.
    calibration: Option<PathBuf>,
}

fn price() -> String {
    "10".into()
}

impl Model {
    /// File of its calibration.
    pub fn calibration(&self) -> PathBuf {
        let own = || self.folder.join("calibration.json");
        self.calibration.clone().unwrap_or_else(own)
    }
}

impl Layout {
    /// So many hosts that all serve the model of a checkout.
    pub fn alike(root: &Path, hosts: usize) -> Self {
        let model = Model {
            id: MODEL.to_owned(),
            folder: root.join("models").join(MODEL),
            price: price(),
            calibration: None,
        };
        Self {
            models: vec![model],
            hosts: vec![vec![MODEL.to_owned()]; hosts],
        }
    }

    /// What a file says; its folders begin at the file's own.
    ///
    /// # Errors
    /// When it is no layout, or one that no network can have.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let what = || file.display().to_string();
        let text = std::fs::read_to_string(file).with_context(what)?;
        let mut layout = Self::parse(&text).with_context(what)?;
        let file = std::path::absolute(file)?;
        let base = file.parent().unwrap_or(Path::new("/"));
        for model in &mut layout.models {
            model.folder = base.join(&model.folder);
            model.calibration = model.calibration.as_ref().map(|path| base.join(path));
        }
        Ok(layout)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let layout: Self = serde_json::from_str(text)?;
        let ids: BTreeSet<&str> = layout.models.iter().map(|model| model.id.as_str()).collect();
        if ids.len() != layout.models.len() {
            bail!("two models have one id");
        }
        if layout.hosts.is_empty() {
            bail!("it names no host");
        }
        let mut served = BTreeSet::new();
        for (host, models) in layout.hosts.iter().enumerate() {
            let own: BTreeSet<&str> = models.iter().map(String::as_str).collect();
            if own.is_empty() || own.len() != models.len() || own.len() > MAX_OFFERS {
                bail!("host {host} must serve 1 to {MAX_OFFERS} models, each once");
            }
            if let Some(unknown) = own.difference(&ids).next() {
                bail!("host {host} serves {unknown:?}, which is not among the models");
            }
            served.extend(own);
        }
        // its sessions would wait for a committee in vain
        match ids.difference(&served).next() {
            Some(idle) => bail!("no host serves {idle:?}"),
            None => Ok(layout),
        }
    }

    /// The models of a host, in the order in which it offers them.
    pub fn of(&self, host: usize) -> impl Iterator<Item = &Model> {
        let ids = self.hosts.get(host).into_iter().flatten();
        ids.filter_map(|id| self.models.iter().find(|model| model.id == *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first example of the demonstration's page.
    fn example() -> &'static str {
        let page = include_str!("../../docs/demo.md");
        page.split("```json").nth(1).unwrap().split("```").next().unwrap()
    }

    #[test]
    fn the_file_of_the_book_says_who_serves_what_and_its_folders_begin_at_its_own() {
        let folder = std::env::temp_dir().join(format!("quern-layout-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("plan.json");
        std::fs::write(&file, example()).unwrap();
        let layout = Layout::read(&file).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let ids = |host| layout.of(host).map(|model| model.id.as_str()).collect::<Vec<_>>();
        assert_eq!(ids(0), ["quern-small", "quern-small-bf16"]);
        assert_eq!(ids(1), ["quern-small"]);
        let [first, second] = &layout.models[..] else {
            panic!("two models");
        };
        assert!(first.folder.starts_with(&folder) && first.folder.ends_with("models/quern-small"));
        assert_eq!(first.calibration(), first.folder.join("calibration.json"));
        assert_eq!(second.calibration().parent().unwrap(), first.folder);
        assert_eq!((&*first.price, &*second.price), ("10", "20"));
    }

    #[test]
    fn what_no_network_can_have_is_refused_with_words() {
        let model = |id: &str| format!(r#"{{"id": "{id}", "folder": "{id}"}}"#);
        let (a, b) = (model("a"), model("b"));
        let file = |models: &[&str], hosts: &str| {
            format!(r#"{{"models": [{}], "hosts": {hosts}}}"#, models.join(","))
        };
        for (text, why) in [
            (file(&[&a, &a], r#"[["a"]]"#), "two models have one id"),
            (file(&[&a], "[]"), "it names no host"),
            (file(&[&a], r#"[["a"], []]"#), "host 1 must serve 1 to 16 models"),
            (file(&[&a], r#"[["a", "a"]]"#), "each once"),
            (file(&[&a], r#"[["a", "b"]]"#), "host 0 serves \"b\""),
            (file(&[&a, &b], r#"[["a"]]"#), "no host serves \"b\""),
            (file(&[&a], r#"[["a"]], "host": []"#), "unknown field `host`"),
        ] {
            let error = format!("{:#}", Layout::parse(&text).unwrap_err());
            assert!(error.contains(why), "{why}: {error}");
        }
        assert!(Layout::parse(&file(&[&a, &b], r#"[["b"], ["a", "b"]]"#)).is_ok());
    }

    #[test]
    fn without_a_file_all_hosts_serve_the_packaged_model() {
        let layout = Layout::alike(Path::new("/checkout"), 3);
        assert_eq!(layout.hosts.len(), 3);
        for host in 0..3 {
            let folders: Vec<_> = layout.of(host).map(|model| model.folder.clone()).collect();
            assert_eq!(folders, [Path::new("/checkout/models/quern-small")]);
        }
    }
}
