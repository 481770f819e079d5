//! Stories about calls in simulated time, and about the shape of the workspace, in one binary.

mod fences;
