//! Bodies of the fuzz targets: each takes any bytes and panics when a rule is broken.

mod allocate;
mod hostile;
mod rewriter;
mod rooms;
mod scalable;
mod scalable_receiver;
mod streams;

pub use allocate::allocate;
pub use rewriter::rewriter;
pub use rooms::rooms;
pub use scalable::scalable;
pub use streams::streams;
