//! Bodies of the fuzz targets: each takes any bytes and panics when a rule is broken.

mod rewriter;

pub use rewriter::rewriter;
