//! Numbers: decimal text to the nearest double, and whole doubles to text.
//!
//! The standard library does this with ten kilobytes of tables, which a WebAssembly module
//! cannot afford. Documents have small numbers, which need neither; the others are divided
//! out exactly.

use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The largest power of ten that a double holds exactly.
const EXACT_POWER: i64 = 22;

/// Whole numbers below this are exact doubles.
const EXACT_WHOLE: u64 = 1 << 53;

/// More significant digits than this never matter, except that they are not all zero.
const MOST_DIGITS: usize = 800;

/// Reads a number in JSON's grammar: the nearest double, a tie to the even one, infinity
/// beyond the largest.
pub fn parse_number(text: &str) -> f64 {
    if text.len() < 16 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = text.bytes().map(|byte| u64::from(byte - b'0'));
        return exact(digits.fold(0, |whole, digit| whole * 10 + digit));
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (digits, exponent) = significant(text);
    let whole = digits.iter().try_fold(0_u64, |whole, digit| {
        let whole = whole.checked_mul(10)?.checked_add(u64::from(*digit))?;
        (whole <= EXACT_WHOLE).then_some(whole)
    });
    sign * match whole {
        Some(0) => 0.0,
        // Two exact operands make one rounding.
        Some(whole) if (0..=EXACT_POWER).contains(&exponent) => exact(whole) * power(exponent),
        Some(whole) if (-EXACT_POWER..0).contains(&exponent) => exact(whole) / power(-exponent),
        _ => divide(&digits, exponent),
    }
}

#[expect(clippy::cast_precision_loss, reason = "only for numbers up to 2^53")]
const fn exact(whole: u64) -> f64 {
    whole as f64
}

fn power(exponent: i64) -> f64 {
    (0..exponent).fold(1.0, |power, _| power * 10.0)
}

/// Returns the digits without zeros around them, and the power of ten of the last one.
fn significant(text: &str) -> (Vec<u8>, i64) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mut exponent = saturating(exponent);
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let places = i64::try_from(part.len()).unwrap_or(i64::MAX);
    exponent = exponent.saturating_sub(places);
    let digits = whole.bytes().chain(part.bytes()).map(|digit| digit - b'0');
    let mut digits: Vec<u8> = digits.skip_while(|digit| *digit == 0).collect();
    if let Some(rest) = digits.get(MOST_DIGITS..) {
        let more = rest.iter().any(|digit| *digit != 0);
        let dropped = i64::try_from(rest.len()).unwrap_or(i64::MAX);
        exponent = exponent.saturating_add(dropped);
        digits.truncate(MOST_DIGITS);
        if more {
            digits.push(1);
            exponent = exponent.saturating_sub(1);
        }
    }
    while digits.last() == Some(&0) {
        digits.pop();
        exponent = exponent.saturating_add(1);
    }
    (digits, exponent)
}

/// Reads an exponent; far beyond the range of doubles it need not be exact.
fn saturating(text: &str) -> i64 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.bytes().map(|digit| i64::from(digit - b'0'));
    sign * digits.fold(0, |all: i64, digit| (all * 10 + digit).min(1 << 40))
}

/// Divides digits out to 64 bits and rounds them to a double.
fn divide(digits: &[u8], exponent: i64) -> f64 {
    let size = exponent.saturating_add(i64::try_from(digits.len()).unwrap_or(i64::MAX));
    if size > 310 {
        return f64::INFINITY;
    }
    if size < -330 {
        return 0.0;
    }
    let mut above = Natural(vec![0]);
    for digit in digits {
        above.multiply_add(10, u32::from(*digit));
    }
    let mut below = Natural(vec![1]);
    let scaled = if exponent < 0 { &mut below } else { &mut above };
    for _ in 0..exponent.unsigned_abs() {
        scaled.multiply_add(10, 0);
    }
    // Scaled so that the quotient has 64 bits, or 65.
    let shift = 64 + below.bits() - above.bits();
    let grown = if shift > 0 { &mut above } else { &mut below };
    grown.shift_left(shift.unsigned_abs());
    // Bit by bit from the top: what is left decides about ties.
    let mut quotient: u128 = 0;
    below.shift_left(65);
    for _ in 0..=65 {
        quotient <<= 1;
        if above.compare(&below) != Ordering::Less {
            above.subtract(&below);
            quotient |= 1;
        }
        above.shift_left(1);
    }
    round(quotient, -shift, !above.is_zero())
}

/// Rounds `quotient * 2^exponent`, and a bit more where `more` says so.
fn round(quotient: u128, exponent: i64, more: bool) -> f64 {
    let length = 128 - i64::from(quotient.leading_zeros());
    // The lowest bit that a double of this size can have.
    let lowest = (exponent + length - 53).max(-1074);
    let Ok(drop) = u32::try_from(lowest - exponent) else {
        return 0.0;
    };
    let kept = quotient.checked_shr(drop).unwrap_or(0);
    let rest = quotient - kept.checked_shl(drop).unwrap_or(0);
    let half = 1_u128
        .checked_shl(drop.saturating_sub(1))
        .unwrap_or(u128::MAX);
    let up = match rest.cmp(&half) {
        Ordering::Less => false,
        Ordering::Equal => more || kept & 1 == 1,
        Ordering::Greater => true,
    };
    let mantissa = u64::try_from(kept).unwrap_or(0) + u64::from(up);
    // The mantissa's top bit, and a carry out of it, count up the exponent by themselves.
    let biased = u64::try_from(lowest + 1074).unwrap_or(0);
    if biased > 2045 {
        return f64::INFINITY;
    }
    f64::from_bits(mantissa + (biased << 52))
}

/// A natural number of any size, its lowest 32 bits first.
struct Natural(Vec<u32>);

impl Natural {
    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = low(carry);
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
    }

    fn bits(&self) -> i64 {
        let used = self.0.iter().rposition(|limb| *limb != 0);
        let Some(place) = used else { return 0 };
        let top = self.0.get(place).map_or(32, |limb| limb.leading_zeros());
        i64::try_from(place * 32 + 32).unwrap_or(i64::MAX) - i64::from(top)
    }

    fn shift_left(&mut self, bits: u64) {
        let limbs = usize::try_from(bits / 32).unwrap_or(0);
        let bits = bits % 32;
        let mut carry = 0;
        for limb in &mut self.0 {
            carry |= u64::from(*limb) << bits;
            *limb = low(carry);
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(low(carry));
        }
        if limbs > 0 {
            self.0.splice(..0, core::iter::repeat_n(0, limbs));
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let length = self.0.len().max(other.0.len());
        let at = |number: &Self, place: usize| number.0.get(place).copied().unwrap_or(0);
        let places = (0..length).rev();
        let mut orders = places.map(|place| at(self, place).cmp(&at(other, place)));
        orders
            .find(|order| *order != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    }

    /// Takes away what is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (place, limb) in self.0.iter_mut().enumerate() {
            let taken = other.0.get(place).copied().unwrap_or(0);
            let (rest, first) = limb.overflowing_sub(taken);
            let (rest, second) = rest.overflowing_sub(u32::from(borrow));
            *limb = rest;
            borrow = first || second;
        }
    }

    fn is_zero(&self) -> bool {
        self.0.iter().all(|limb| *limb == 0)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
const fn low(wide: u64) -> u32 {
    wide as u32
}

/// Returns a whole number that prints as its digits, as most numbers in documents do.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "the comparison finds out whether the conversion was exact"
)]
pub(super) fn whole(number: f64) -> Option<i64> {
    let whole = number as i64;
    (whole.unsigned_abs() < EXACT_WHOLE && whole as f64 == number).then_some(whole)
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::{parse_number as parse, whole};

    fn check(text: &str) {
        let expected: f64 = text.parse().expect("a number");
        assert_eq!(parse(text).to_bits(), expected.to_bits(), "{text}");
    }

    #[test]
    fn reads_as_the_standard_library_does() {
        for text in [
            "0",
            "-0",
            "0.0",
            "1",
            "-1",
            "42",
            "0.1",
            "0.3",
            "1.5",
            "123456789012345678",
            "9007199254740992",
            "9007199254740993",
            "9007199254740995",
            "1e22",
            "1e23",
            "1e-22",
            "1e-23",
            "1E+3",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "1.797693134862315808e308",
            "1e309",
            "1e999999999999999999",
            "5e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "2e-324",
            "1e-400",
            "2.2250738585072011e-308",
            "2.2250738585072012e-308",
            "2.2250738585072014e-308",
            "2.225073858507201136057409796709131975934819546351645648023426109724822222021076945516529523908135087914149158913039621106870086438694594645527657207407820621743379988141063267329253552286881372149012981122451451889849057222307285255133155755015914397476397983411801999323962548289017107081850690630666655994938275772572015763062690663332647565300009245888316433037779791869612049497390377829704905051080609940730262937128958950003583799967207254304360284078895771796150945516748243471030702609144621572289880258182545180325707018860872113128079512233426288368622321503775666622503982534335974568884423900265498198385487948292206894721689831099698365846814022854243330660339850886445804001034933970427567186443383770486037861622771738545623065874679014086723327636718751234567890123456789012345678901e-308",
            "0.000000000000000000000000000000000000000000000000000000000000001e63",
            "100000000000000000000000000000000000000000000000000000000000000000",
        ] {
            check(text);
        }
        let long = format!("0.{}1", "0".repeat(900));
        check(&long);
        let long: String = "1234567890".repeat(90);
        check(&long);
        check(&format!("{long}e-880"));
        // A tie that only a digit far behind decides.
        check(&format!("9007199254740993{}", "0".repeat(20)));
        check(&format!("9007199254740993.{}1", "0".repeat(1000)));
    }

    #[test]
    fn reads_every_shortest_text_of_a_double() {
        // Multiplied with an odd number, bits of all sizes come up.
        let mut bits: u64 = 1;
        for _ in 0..4000 {
            bits = bits
                .wrapping_mul(0x5851_f42d_4c95_7f2d)
                .wrapping_add(0x1405_7b7e_f767);
            let number = f64::from_bits(bits);
            if number.is_finite() {
                check(&format!("{number:e}"));
                check(&format!("{number:.3e}"));
            }
        }
    }

    #[test]
    fn knows_whole_numbers() {
        assert_eq!(whole(-0.0), Some(0));
        assert_eq!(whole(-7.0), Some(-7));
        assert_eq!(whole(9_007_199_254_740_991.0), Some(9_007_199_254_740_991));
        assert_eq!(whole(9_007_199_254_740_992.0), None);
        assert_eq!(whole(0.5), None);
        assert_eq!(whole(f64::NAN), None);
        assert_eq!(whole(f64::INFINITY), None);
    }
}
