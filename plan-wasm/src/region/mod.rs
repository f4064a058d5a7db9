//! The memory of the module: a region for each call, and runs for what outlives calls.
//!
//! A call allocates by moving a mark and gives nothing back; the next call begins with an
//! empty region. So allocating costs a few instructions, and freeing none. What outlives a
//! call is built by [`keep`] in a run of its own, which returns to a list of free runs when
//! its [`Kept`] is dropped.
//!
//! ```text
//! | runs, kept and free        | this call's region      | not used yet |
//!                              low                      top            end
//! ```
//!
//! Whoever calls [`begin`] promises that nothing outside of a [`Kept`] refers to what was
//! allocated before.

use core::ops::{Deref, DerefMut};

#[cfg(target_arch = "wasm32")]
mod memory;

/// Begins a call: what was allocated by calls before it is given up.
pub(crate) fn begin() {
    #[cfg(target_arch = "wasm32")]
    memory::MEMORY.begin();
}

/// Gives something up with the region: taking it apart would only take time.
#[cfg(feature = "persona")]
pub(crate) fn leave<T>(value: T) {
    if cfg!(target_arch = "wasm32") {
        core::mem::forget(value);
    }
}

/// Builds something that outlives the call: what `build` allocates and returns is in a run
/// of its own. It is called twice, the first time to learn how much room that takes.
pub(crate) fn keep<T: 'static>(build: &dyn Fn() -> T) -> Kept<T> {
    #[cfg(target_arch = "wasm32")]
    {
        let (value, run) = memory::MEMORY.keep(build);
        Kept { value, _run: run }
    }
    #[cfg(not(target_arch = "wasm32"))]
    Kept { value: build() }
}

/// Something that outlives calls.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    value: T,
    #[cfg(target_arch = "wasm32")]
    _run: memory::Run,
}

impl<T> Kept<T> {
    /// Wraps what has allocated nothing.
    pub(crate) const fn of(value: T) -> Self {
        Self {
            value,
            #[cfg(target_arch = "wasm32")]
            _run: memory::Run::NONE,
        }
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
