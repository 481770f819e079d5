//! What each crate may not depend on, so that some mistakes cannot be made.

use std::path::Path;
use std::process::Command;

/// Names of the crates that `package` is built from, itself left out.
fn dependencies_of(package: &str) -> Vec<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package"])
        .arg(package)
        .current_dir(workspace)
        .output()
        .expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("crate names are UTF-8");
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    tree.lines().skip(1).map(name).filter(|name| !name.is_empty()).collect()
}

fn assert_absent(package: &str, absent: &[&str]) {
    let dependencies = dependencies_of(package);
    for name in absent {
        assert!(
            !dependencies.iter().any(|dependency| dependency == name),
            "{package} depends on {name}, which ARCHITECTURE.md says it may not"
        );
    }
}

#[test]
fn wire_depends_on_serde_alone() {
    let ours = ["parlor-rtc", "parlor-engine", "parlor-media", "parlor-server"];
    assert_absent("parlor-wire", &ours);
    let serde =
        ["serde", "serde_core", "serde_derive", "proc-macro2", "quote", "syn", "unicode-ident"];
    let others: Vec<String> = dependencies_of("parlor-wire")
        .into_iter()
        .filter(|name| !serde.contains(&name.as_str()))
        .collect();
    assert!(others.is_empty(), "parlor-wire depends on {others:?}");
}

#[test]
fn rtc_and_engine_cannot_reach_a_socket_a_task_or_a_clock() {
    let absent =
        ["tokio", "mio", "async-std", "smol", "socket2", "crossbeam-channel", "parking_lot"];
    assert_absent("parlor-rtc", &absent);
    assert_absent("parlor-engine", &absent);
}

#[test]
fn media_cannot_run_a_task_or_read_a_message() {
    assert_absent("parlor-media", &["tokio", "axum", "hyper", "serde_json", "parlor-wire"]);
}

#[test]
fn the_crates_form_one_chain() {
    assert_absent("parlor-rtc", &["parlor-engine", "parlor-media", "parlor-server", "parlor-wire"]);
    assert_absent("parlor-engine", &["parlor-media", "parlor-server", "parlor-wire"]);
    assert_absent("parlor-media", &["parlor-server", "parlor-wire"]);
}

#[test]
fn the_simulation_and_the_load_are_no_part_of_the_product() {
    assert_absent("parlor-server", &["parlor-sim", "parlor-load", "str0m"]);
}
