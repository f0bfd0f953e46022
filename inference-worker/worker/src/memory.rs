//! Whether the memory holds all models that are to be served, and how much of it each gets for its cache.

use crate::checkpoint;
use crate::models::Entry;
use anyhow::bail;
use quern_engine::config::ModelConfig;
use quern_engine_torch::CACHE_BYTES;
use std::fmt::Write;
use std::path::Path;

/// What a model takes, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    weights: u64,
    /// A token in the cache.
    token: u64,
    /// Tokens of the longest sequence: the least cache.
    context: u64,
    /// Tokens that all slots together may use.
    most: u64,
    /// Tokens that the host chose.
    chosen: Option<u64>,
}

impl Need {
    /// None for a folder that cannot be read: its load will say why.
    fn of(entry: &Entry) -> Option<Self> {
        let (folder, compute) = (&entry.args.model, &entry.args.compute);
        let config = ModelConfig::load(folder).ok()?;
        let context = compute
            .context
            .map_or(config.context, |limit| limit.clamp(1, config.context));
        let numbers = [2, config.layers, config.kv_heads, config.head_dim];
        let token = numbers
            .iter()
            .fold(4, |bytes: u64, n| bytes.saturating_mul(*n as u64));
        let context = context as u64;
        Some(Self {
            weights: weights(folder).ok()?,
            token: token.max(1),
            context,
            // One more slot than for requests: for scoring.
            most: context.saturating_mul(entry.slots.saturating_add(1) as u64),
            chosen: compute.cache_tokens.map(|tokens| (tokens as u64).max(context)),
        })
    }

    fn cache(&self, tokens: u64) -> u64 {
        self.token.saturating_mul(tokens)
    }

    /// The least cache that it is content with.
    fn least(&self) -> u64 {
        self.cache(self.chosen.unwrap_or(self.context))
    }
}

/// Checks that all models fit together, and divides what is left after weights and chosen caches among the other caches.
///
/// # Errors
/// When the memory does not hold several, with what each needs. One alone is warned of, and may try.
pub(crate) fn share(entries: &mut [Entry]) -> anyhow::Result<()> {
    let Some(free) = free() else { return Ok(()) };
    let needs: Option<Vec<Need>> = entries.iter().map(Need::of).collect();
    // What is computed elsewhere has its memory there.
    let Some(needs) = needs.filter(|_| entries.iter().all(|entry| !entry.args.compute.cuda)) else {
        return Ok(());
    };
    let Some(caches) = divide(free, &needs) else {
        let mut each = String::new();
        for (entry, need) in entries.iter().zip(&needs) {
            let (id, weights, cache) = (&entry.id, gib(need.weights), gib(need.least()));
            let _ = write!(
                each,
                "; {id:?}: {weights} GiB of weights and {cache} GiB of cache at least"
            );
        }
        let problem = format!(
            "the memory does not hold what is to be served: {} GiB are free{each}. Leave a model out, cut a context \
             (context) or choose a smaller cache (cache_tokens)",
            gib(free)
        );
        if entries.len() > 1 {
            bail!(problem);
        }
        // A cache is taken as it is used: one model may get by as long as its requests are short.
        tracing::warn!("{problem}");
        return Ok(());
    };
    for (entry, tokens) in entries.iter_mut().zip(caches) {
        if entry.args.compute.cache_tokens.is_none() {
            entry.args.compute.cache_tokens =
                tokens.map(|tokens| usize::try_from(tokens).unwrap_or(usize::MAX));
        }
    }
    Ok(())
}

/// Tokens of each cache, none where the engine's own choice is as good; none at all if not even the least caches fit.
fn divide(free: u64, needs: &[Need]) -> Option<Vec<Option<u64>>> {
    let sum = |bytes: &dyn Fn(&Need) -> u64| needs.iter().map(bytes).fold(0, u64::saturating_add);
    let weights = sum(&|need| need.weights);
    if weights.saturating_add(sum(&|need| need.least())) > free {
        return None;
    }
    let chosen = sum(&|need| need.chosen.map_or(0, |tokens| need.cache(tokens)));
    let others = needs.iter().filter(|need| need.chosen.is_none()).count() as u64;
    let mut room = free
        .saturating_sub(weights)
        .saturating_sub(chosen)
        .min(CACHE_BYTES as u64);
    let mut left = others;
    // The modest first, as what they leave is for the others.
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by_key(|index| needs.get(*index).map(|need| need.cache(need.most)));
    let mut caches = vec![None; needs.len()];
    for index in order {
        let (Some(need), Some(place)) = (needs.get(index), caches.get_mut(index)) else {
            continue;
        };
        if need.chosen.is_some() {
            continue;
        }
        let part = room.checked_div(left).unwrap_or(0);
        let tokens = (part / need.token).clamp(need.context, need.most.max(need.context));
        room = room.saturating_sub(need.cache(tokens));
        left = left.saturating_sub(1);
        *place = (tokens < need.most).then_some(tokens);
    }
    Some(caches)
}

fn gib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(100) >> 30;
    format!("{}.{:02}", tenths / 100, tenths % 100)
}

/// Bytes that a process may still take; none where the system does not tell.
fn free() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let available = field(&read("/proc/meminfo")?, "MemAvailable:")?.saturating_mul(1024);
    // A container's own limit, less what it cannot give back.
    let limit = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse::<u64>().ok());
    let taken = read("/sys/fs/cgroup/memory.stat").and_then(|text| field(&text, "anon"));
    let own = limit.map(|limit| limit.saturating_sub(taken.unwrap_or(0)));
    Some(own.map_or(available, |own| own.min(available)))
}

fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    let mut line = lines.find(|line| line.clone().next() == Some(name))?;
    line.nth(1)?.parse().ok()
}

/// Bytes of a folder's weights in memory: fp32, but for projections in bfloat16, which stay as they are.
fn weights(folder: &Path) -> anyhow::Result<u64> {
    let bytes = checkpoint::tensors(folder)?.into_iter().map(|(name, tensor)| {
        let stays = tensor.dtype == "BF16" && !name.ends_with("embed_tokens.weight");
        tensor.numbers().saturating_mul(if stays { 2 } else { 4 })
    });
    Ok(bytes.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn need(weights: u64, chosen: Option<u64>) -> Need {
        Need {
            weights,
            token: 1 << 10,
            context: 1 << 12,
            most: 1 << 30,
            chosen,
        }
    }

    #[test]
    fn models_that_do_not_fit_together_are_refused_though_each_would_fit_alone() {
        let one = need(6 * GIB, None);
        assert!(divide(10 * GIB, std::slice::from_ref(&one)).is_some());
        assert_eq!(divide(10 * GIB, &[one.clone(), one.clone()]), None);
        // A cache that was chosen counts in full, the context of one request in any case.
        assert!(divide(10 * GIB, &[need(9 * GIB, Some(1 << 20))]).is_some());
        assert_eq!(divide(10 * GIB, &[need(9 * GIB, Some((1 << 20) + 1))]), None);
        assert_eq!(divide(10 * GIB, &[need(10 * GIB, None)]), None);
    }

    #[test]
    fn caches_share_what_the_weights_leave_and_one_model_with_room_has_its_own_way() {
        let small = Need {
            most: 1 << 14,
            ..need(GIB, None)
        };
        // All of what its slots may use is within reach.
        assert_eq!(divide(20 * GIB, std::slice::from_ref(&small)), Some(vec![None]));
        let large = need(GIB, None);
        let caches = divide(20 * GIB, &[large.clone(), small.clone(), large.clone()]).unwrap();
        assert_eq!(caches[1], None);
        let tokens = |index: usize| caches[index].unwrap();
        assert!(tokens(0).abs_diff(tokens(2)) <= 1);
        let all = (tokens(0) + tokens(2) + small.most) << 10;
        assert!(
            all <= CACHE_BYTES as u64 && all > CACHE_BYTES as u64 - (1 << 20),
            "{all}"
        );
        // Little memory makes caches small, but never smaller than one request.
        let caches = divide(2 * GIB + (16 << 20), &[large.clone(), large]).unwrap();
        assert_eq!(caches, [Some(1 << 13), Some(1 << 13)]);
    }

    #[test]
    fn the_packaged_models_weights_are_counted_from_their_headers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
        let size = std::fs::metadata(folder.join("model.safetensors")).unwrap().len();
        let found = weights(&folder).unwrap();
        assert!(found > size / 2 && found < 3 * size, "{found} of {size}");
    }
}
