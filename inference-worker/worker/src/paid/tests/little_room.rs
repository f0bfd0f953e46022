//! Full disks: the tests `with_little_room` of worker and router run in a process of their own, as a limit on the size of
//! files holds for all of a process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Runs this binary's `with_little_room` with files of at most `kib` KiB.
pub(crate) fn run(kib: u32) {
    let script =
        format!("trap '' XFSZ; ulimit -S -f {kib}; exec \"$0\" with_little_room --ignored --nocapture");
    let output = std::process::Command::new("bash")
        .args(["-c", script.as_str()])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

/// Stops who runs it without the limit.
pub(crate) fn check(kib: u64) {
    let limit = getrlimit(Resource::Fsize);
    assert!(
        limit.current.is_some_and(|bytes| bytes <= kib << 10),
        "the limit is not set"
    );
}

/// The disk has room again.
pub(crate) fn end() {
    let limit = getrlimit(Resource::Fsize);
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .unwrap();
}
