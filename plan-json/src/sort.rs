//! One stable sort for everything. The standard library's is compiled anew for each type
//! and weighs several kilobytes each time, which a WebAssembly module cannot afford.

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem;

/// Compares the elements at two places.
type Compare<'c> = &'c dyn Fn(usize, usize) -> Ordering;

/// Sorts; equal elements keep their order.
pub fn sort_by<T>(items: &mut Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) {
    let places = order(items.len(), &|left, right| {
        let pair = items.get(left).zip(items.get(right));
        pair.map_or(Ordering::Equal, |(left, right)| compare(left, right))
    });
    arrange(items, &places);
}

/// Puts the elements into an order of their places.
pub fn arrange<T>(items: &mut Vec<T>, places: &[usize]) {
    let mut slots: Vec<Option<T>> = mem::take(items).into_iter().map(Some).collect();
    for place in places {
        items.extend(slots.get_mut(*place).and_then(Option::take));
    }
}

/// Returns the places of `length` elements in the order of the elements.
pub fn order(length: usize, compare: Compare<'_>) -> Vec<usize> {
    let mut from: Vec<usize> = (0..length).collect();
    let mut into = Vec::with_capacity(length);
    let mut width = 1;
    while width < length {
        for pair in from.chunks(width * 2) {
            let (left, right) = pair.split_at_checked(width).unwrap_or((pair, &[]));
            merge(left, right, compare, &mut into);
        }
        mem::swap(&mut from, &mut into);
        into.clear();
        width *= 2;
    }
    from
}

fn merge(mut left: &[usize], mut right: &[usize], compare: Compare<'_>, into: &mut Vec<usize>) {
    while let ([one, lefts @ ..], [other, rights @ ..]) = (left, right) {
        if compare(*one, *other) == Ordering::Greater {
            into.push(*other);
            right = rights;
        } else {
            into.push(*one);
            left = lefts;
        }
    }
    into.extend_from_slice(left);
    into.extend_from_slice(right);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_keeps_equals_in_order() {
        for length in 0_usize..40 {
            let mut items: Vec<(usize, usize)> =
                (0..length).map(|place| (place * 7 % 5, place)).collect();
            sort_by(&mut items, &|left, right| left.0.cmp(&right.0));
            let mut expected: Vec<(usize, usize)> =
                (0..length).map(|place| (place * 7 % 5, place)).collect();
            expected.sort_unstable();
            assert_eq!(items, expected, "{length}");
        }
    }
}
