//! Every rule of a resolution.
