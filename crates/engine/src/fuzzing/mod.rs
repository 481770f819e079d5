//! Bodies of the fuzz targets: each takes any bytes and panics when a rule is broken.

mod rewriter;
mod rooms;

pub use rewriter::rewriter;
pub use rooms::rooms;
