//! Writes PDF417 symbols (ISO/IEC 15438), so that what reads them is not tried on its own writing.
//!
//! Only the table of bar patterns (Annex A) is shared with the reader: it is 2,787 numbers without
//! a rule. Text is written in text compaction mode with single bytes shifted in between.

use std::sync::LazyLock;

use rxing::pdf417::pdf_417_common::getCodeword;

/// Codewords are numbers below this prime.
const PRIME: u32 = 929;
const PADDING: u32 = 900;
const SHIFT_TO_BYTE: u32 = 913;
/// Start pattern, 17 modules, and stop pattern, 18 modules, black as 1.
const START: (u32, u32) = (0b1_1111_1110_1010_1000, 17);
const STOP: (u32, u32) = (0b11_1111_1010_0010_1001, 18);

/// The rows of a symbol from the top, each with its modules from the left; `true` is black. A row is
/// one module high here: print it at least three high.
///
/// `columns` (1 to 30) counts data codewords in a row, `level` (0 to 8) is that of the error
/// correction. Letters beyond ISO 8859-1 are written as question marks.
///
/// # Panics
///
/// If the text does not fit.
#[must_use]
pub fn modules(text: &str, columns: u32, level: u32) -> Vec<Vec<bool>> {
    let mut data = compacted(text);
    let correction = 2_u32 << level;
    let rows = (data.len() as u32 + 1 + correction).div_ceil(columns).max(3);
    assert!(rows <= 90 && rows * columns <= 928, "the text does not fit into {rows} rows");
    let length = rows * columns - correction;
    data.insert(0, length);
    data.resize(length as usize, PADDING);
    data.extend(corrections(&data, correction as usize));
    let line = |(row, words): (usize, &[u32])| row_of(row as u32, words, rows, columns, level);
    data.chunks(columns as usize).enumerate().map(line).collect()
}

/// One row: start, left indicator, data, right indicator, stop (5.11.3).
fn row_of(row: u32, words: &[u32], rows: u32, columns: u32, level: u32) -> Vec<bool> {
    let cluster = row % 3;
    let (height, width, strength) = ((rows - 1) / 3, columns - 1, level * 3 + (rows - 1) % 3);
    let (left, right) = match cluster {
        0 => (height, width),
        1 => (strength, height),
        _ => (width, strength),
    };
    let word = |word: u32| (PATTERNS[cluster as usize][word as usize], 17);
    let inner = words.iter().map(|data| word(*data));
    let indicator = |part: u32| word(row / 3 * 30 + part);
    let patterns = [START, indicator(left)].into_iter().chain(inner).chain([indicator(right), STOP]);
    patterns.flat_map(|(bits, count)| (0..count).rev().map(move |place| bits >> place & 1 == 1)).collect()
}

/// Patterns by cluster and codeword.
static PATTERNS: LazyLock<[Vec<u32>; 3]> = LazyLock::new(|| {
    let mut patterns = [0; 3].map(|_: u8| vec![0; PRIME as usize]);
    // Every pattern begins black and ends white.
    for symbol in (0x10000..0x20000_u32).step_by(2) {
        let Ok(word) = usize::try_from(getCodeword(symbol)) else { continue };
        let mut runs = [0_i32; 8];
        let mut run = 0;
        for place in (0..17).rev() {
            let black = symbol >> place & 1 == 1;
            run += usize::from(black != (run % 2 == 0)); // runs are black and white in turn
            runs[run] += 1;
        }
        let cluster = (runs[0] - runs[2] + runs[4] - runs[6]).rem_euclid(9) / 3;
        patterns[cluster as usize][word] = symbol;
    }
    patterns
});

/// Error correction codewords: the remainder of the data, as a polynomial, by the generator with
/// the roots 3, 3², 3³ … (5.10).
fn corrections(data: &[u32], count: usize) -> Vec<u32> {
    let mut generator = vec![1_u32];
    let mut root = 1;
    for _ in 0..count {
        root = root * 3 % PRIME;
        let mut product = generator.clone();
        product.push(0);
        for (place, factor) in generator.iter().enumerate() {
            product[place + 1] = (product[place + 1] + (PRIME - root) * factor) % PRIME;
        }
        generator = product;
    }
    let mut rest = vec![0; count];
    for word in data {
        let lead = (word + rest[0]) % PRIME;
        rest.rotate_left(1);
        rest[count - 1] = 0;
        for (value, factor) in rest.iter_mut().zip(&generator[1..]) {
            *value = (*value + (PRIME - lead) * factor) % PRIME;
        }
    }
    // Less the remainder, the whole is a multiple of the generator.
    rest.into_iter().map(|value| (PRIME - value) % PRIME).collect()
}

/// The sub-modes of text compaction (5.4.1.5).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Upper,
    Lower,
    Mixed,
    Punctuation,
}

const MIXED: &str = "0123456789&\r\t,:#-.$/+%*=^";
const PUNCTUATION: &str = ";<>@[\\]_`~!\r\t,:\n-.$/\"|*()?{}'";

impl Mode {
    /// A letter's value in this sub-mode.
    fn value(self, letter: char) -> Option<u32> {
        let place = |list: &str| list.chars().position(|other| other == letter).map(|at| at as u32);
        match self {
            Self::Upper if letter.is_ascii_uppercase() => Some(u32::from(letter) - 65),
            Self::Lower if letter.is_ascii_lowercase() => Some(u32::from(letter) - 97),
            Self::Upper | Self::Lower | Self::Mixed if letter == ' ' => Some(26),
            Self::Mixed => place(MIXED),
            Self::Punctuation => place(PUNCTUATION),
            _ => None,
        }
    }

    /// The values that latch from this sub-mode to another.
    fn latch(self, to: Self) -> &'static [u32] {
        match (self, to) {
            (Self::Upper, Self::Lower) | (Self::Mixed, Self::Lower) => &[27],
            (Self::Upper | Self::Lower, Self::Mixed) | (Self::Mixed, Self::Upper) => &[28],
            (Self::Lower, Self::Upper) => &[28, 28],
            (Self::Upper | Self::Lower, Self::Punctuation) => &[28, 25],
            (Self::Mixed, Self::Punctuation) => &[25],
            (Self::Punctuation, Self::Upper) => &[29],
            (Self::Punctuation, Self::Lower) => &[29, 27],
            (Self::Punctuation, Self::Mixed) => &[29, 28],
            _ => &[],
        }
    }
}

/// The text as codewords: two values of text compaction in each, single bytes in between.
fn compacted(text: &str) -> Vec<u32> {
    let mut words = Vec::new();
    let mut values: Vec<u32> = Vec::new();
    let mut mode = Mode::Upper;
    let flush = |values: &mut Vec<u32>, words: &mut Vec<u32>| {
        // 29 latches or shifts and is ignored in front of what is no letter.
        if values.len() % 2 == 1 {
            values.push(29);
        }
        words.extend(values.chunks(2).map(|pair| pair[0] * 30 + pair[1]));
        values.clear();
    };
    for letter in text.chars() {
        let modes = [mode, Mode::Upper, Mode::Lower, Mode::Mixed, Mode::Punctuation];
        let found = modes.into_iter().find_map(|other| Some((other, other.value(letter)?)));
        if let Some((other, value)) = found {
            values.extend_from_slice(mode.latch(other));
            values.push(value);
            mode = other;
            continue;
        }
        // In the punctuation sub-mode, 29 latches to capital letters; go there openly.
        values.extend_from_slice(mode.latch(Mode::Upper));
        mode = Mode::Upper;
        flush(&mut values, &mut words);
        words.extend([SHIFT_TO_BYTE, u32::from(u8::try_from(letter).unwrap_or(b'?'))]);
    }
    // Padding with 29 would leave the punctuation sub-mode, which nothing follows.
    flush(&mut values, &mut words);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_make_a_multiple_of_the_generator() {
        let data: Vec<u32> = (0..40).map(|at| at * 37 % PRIME).collect();
        let whole: Vec<u32> = data.iter().copied().chain(corrections(&data, 16)).collect();
        let mut root = 1;
        for _ in 0..16 {
            root = root * 3 % PRIME;
            assert_eq!(whole.iter().fold(0, |value, word| (value * root + word) % PRIME), 0);
        }
    }

    #[test]
    fn every_codeword_has_a_pattern_of_each_cluster() {
        assert!(PATTERNS.iter().flatten().all(|pattern| *pattern != 0));
    }

    #[test]
    fn text_is_compacted_as_in_the_standard() {
        // "PDF417" of 5.4.1.5's rules: P D | F ML | 4 1 | 7 PS.
        assert_eq!(compacted("PDF417"), [15 * 30 + 3, 5 * 30 + 28, 4 * 30 + 1, 7 * 30 + 29]);
    }

    #[test]
    fn rows_are_as_long_as_each_other() {
        let rows = modules("@\n\u{1e}\rANSI 636014 Zoé", 5, 2);
        assert!(rows.iter().all(|row| row.len() == 17 * 5 + 17 * 3 + 18));
    }
}
