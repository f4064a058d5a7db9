//! Content digests: SHA-256, always printed with the name of the algorithm.

use alloc::format;
use alloc::string::String;

use sha2::{Digest as _, Sha256};

use super::json::{Print, print};

/// Returns the digest of bytes as 64 lower-case hexadecimal characters.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        for digit in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    hex
}

/// Returns `sha256:<hex>` of a value's compact JSON text.
pub fn of_json(value: &(impl Print + ?Sized)) -> String {
    of_bytes(print(value).as_bytes())
}

/// Returns `sha256:<hex>` of bytes.
pub fn of_bytes(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256_hex(bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_its_algorithm() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(super::of_bytes(b""), empty);
    }
}
