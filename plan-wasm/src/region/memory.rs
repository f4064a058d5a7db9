//! The allocator behind the regions. The module has one thread, and nothing else makes
//! its memory larger.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::memory_grow;
use core::cell::Cell;
use core::ptr::{self, with_exposed_provenance_mut};

/// The size of a page of WebAssembly memory.
const PAGE: usize = 1 << 16;

/// Memory grows by that many pages at least.
const STEP: usize = 4;

/// Runs begin and end at a multiple of that: no type needs more, and a free run holds the
/// size of itself and the place of the next one.
const GRAIN: usize = 16;

#[global_allocator]
pub(super) static MEMORY: Memory = Memory {
    top: Cell::new(0),
    end: Cell::new(0),
    low: Cell::new(0),
    limit: Cell::new(0),
    gap: Cell::new((0, 0)),
    free: Cell::new(0),
};

/// Where allocations go.
pub(super) struct Memory {
    /// Where the next allocation begins.
    top: Cell<usize>,
    /// Where the room for allocations ends.
    end: Cell<usize>,
    /// Where the region of the next call begins.
    low: Cell<usize>,
    /// Where memory ends.
    limit: Cell<usize>,
    /// What of this call's region lies below a run that was made meanwhile: place and size.
    gap: Cell<(usize, usize)>,
    /// The first free run, in the order of addresses; 0 for none.
    free: Cell<usize>,
}

#[expect(unsafe_code, reason = "the module has one thread")]
unsafe impl Sync for Memory {}

/// A piece of memory that belongs to something kept.
#[derive(Debug)]
pub(super) struct Run {
    at: usize,
    size: usize,
}

impl Run {
    /// No memory.
    pub(super) const NONE: Self = Self { at: 0, size: 0 };
}

impl Drop for Run {
    fn drop(&mut self) {
        MEMORY.give_back(self.at, self.size);
    }
}

/// The head of a free run.
#[derive(Clone, Copy)]
struct Head {
    size: usize,
    next: usize,
}

impl Memory {
    /// Begins a region; the one before it is given up.
    pub(super) fn begin(&self) {
        if self.limit.get() == 0 {
            self.grow(Layout::new::<Head>());
        }
        let (at, size) = self.gap.replace((0, 0));
        self.give_back(at, size);
        self.top.set(self.low.get());
        self.end.set(self.limit.get());
    }

    /// Builds something in a run of its own.
    pub(super) fn keep<T>(&self, build: &dyn Fn() -> T) -> (T, Run) {
        let start = self.top.get().next_multiple_of(GRAIN);
        self.top.set(start);
        drop(build());
        let size = (self.top.get() - start).next_multiple_of(GRAIN);
        self.top.set(start);
        if let Some(at) = self.take(size) {
            let end = self.end.replace(at + size);
            self.top.set(at);
            let value = build();
            self.top.set(start);
            self.end.set(end);
            return (value, Run { at, size });
        }
        let value = build();
        self.top.set(start + size);
        let below = self.low.replace(start + size);
        if self.gap.get().1 == 0 {
            self.gap.set((below, start - below));
            return (value, Run { at: start, size });
        }
        // There is one gap already: what this one leaves goes with the run.
        let size = start + size - below;
        (value, Run { at: below, size })
    }

    /// Takes the first free run that is large enough; the rest of it stays free.
    fn take(&self, size: usize) -> Option<usize> {
        let (mut before, mut at) = (0, self.free.get());
        while at != 0 {
            let head = read(at);
            if head.size >= size {
                let rest = head.size - size;
                let next = if rest == 0 { head.next } else { at + size };
                if rest > 0 {
                    write(
                        next,
                        Head {
                            size: rest,
                            next: head.next,
                        },
                    );
                }
                self.link(before, next);
                return Some(at);
            }
            (before, at) = (at, head.next);
        }
        None
    }

    /// Makes a run free, as one with its neighbours.
    fn give_back(&self, at: usize, size: usize) {
        if size == 0 {
            return;
        }
        let (mut before, mut next) = (0, self.free.get());
        while next != 0 && next < at {
            (before, next) = (next, read(next).next);
        }
        let mut head = Head { size, next };
        if next != 0 && at + size == next {
            let joined = read(next);
            head = Head {
                size: size + joined.size,
                next: joined.next,
            };
        }
        let below = if before == 0 {
            Head { size: 0, next: 0 }
        } else {
            read(before)
        };
        if before != 0 && before + below.size == at {
            write(
                before,
                Head {
                    size: below.size + head.size,
                    next: head.next,
                },
            );
        } else {
            write(at, head);
            self.link(before, at);
        }
    }

    /// Puts a free run, or none, behind another one.
    fn link(&self, before: usize, next: usize) {
        if before == 0 {
            self.free.set(next);
        } else {
            write(
                before,
                Head {
                    next,
                    ..read(before)
                },
            );
        }
    }

    /// Makes memory larger and allocates there.
    #[cold]
    #[inline(never)]
    fn grow(&self, layout: Layout) -> *mut u8 {
        // Room that is measured is never too small, so this is the region's.
        let wanted = (layout.size() + layout.align()).div_ceil(PAGE).max(STEP);
        let limit = self.limit.get();
        let pages = wanted.max(limit / PAGE / 4);
        let base = memory_grow(0, pages);
        if base == usize::MAX || (limit != 0 && base * PAGE != limit) {
            return ptr::null_mut();
        }
        if limit == 0 {
            self.low.set(base * PAGE);
            self.top.set(base * PAGE);
        }
        self.limit.set((base + pages) * PAGE);
        self.end.set(self.limit.get());
        self.room(layout)
    }

    #[inline]
    fn room(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        let at = (self.top.get() + align - 1) & !(align - 1);
        // Both are below 2^31, and memory ends before 2^32.
        let top = at.wrapping_add(size);
        if top < at || top > self.end.get() {
            return self.grow(layout);
        }
        self.top.set(top);
        with_exposed_provenance_mut(at)
    }
}

#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
// SAFETY: `room` gives each byte between `top` and `end` once; the marks move back only by
// `begin` and `keep`, when nothing refers to what is behind them any more.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.room(layout)
    }

    #[inline]
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    #[inline(never)]
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let end = old.addr() + layout.size();
        let last = end == self.top.get();
        if size <= layout.size() {
            return old;
        }
        if last && size - layout.size() <= self.end.get() - end {
            self.top.set(old.addr() + size);
            return old;
        }
        // SAFETY: the caller has made sure that the layout is one, and `new` is not `old`.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(old, new, layout.size());
            }
            new
        }
    }
}

#[expect(unsafe_code, reason = "free runs hold their own list")]
fn read(at: usize) -> Head {
    // SAFETY: `at` is a free run, which begins with a head.
    unsafe { with_exposed_provenance_mut::<Head>(at).read() }
}

#[expect(unsafe_code, reason = "free runs hold their own list")]
fn write(at: usize, head: Head) {
    // SAFETY: `at` is a free run, which nobody else refers to and a head fits into.
    unsafe { with_exposed_provenance_mut::<Head>(at).write(head) }
}
