//! The grammar of names in a zone (ICAO Doc 9303 part 3, section 4.6): letters with single fillers
//! between a name's parts, two fillers once between the surname and the given names, and nothing
//! but fillers after the first that has no letter behind it.

use super::lattice::{ALPHABET, Cell};

/// What a place of the name field can be, in the order of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Surname,
    Between,
    FirstOfTwo,
    SecondOfTwo,
    Given,
    BetweenGiven,
    Rest,
}

const STATES: [State; 7] = [
    State::Surname,
    State::Between,
    State::FirstOfTwo,
    State::SecondOfTwo,
    State::Given,
    State::BetweenGiven,
    State::Rest,
];

impl State {
    fn is_letter(self) -> bool {
        matches!(self, Self::Surname | Self::Given)
    }

    fn may_follow(self, before: Option<Self>) -> bool {
        match self {
            Self::Surname => matches!(before, None | Some(Self::Surname | Self::Between)),
            Self::Between | Self::FirstOfTwo => before == Some(Self::Surname),
            Self::SecondOfTwo => before == Some(Self::FirstOfTwo),
            Self::Given => matches!(before, Some(Self::SecondOfTwo | Self::Given | Self::BetweenGiven)),
            Self::BetweenGiven => before == Some(Self::Given),
            Self::Rest => matches!(before, Some(Self::SecondOfTwo | Self::Given | Self::Rest)),
        }
    }
}

/// Names as the grammar lets them be read.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) letters: Vec<u8>,
    /// How much likelier the letters would be without the grammar (a difference of logarithms).
    pub(super) penalty: f32,
    /// How much likelier they are than the next best reading.
    pub(super) gap: f32,
}

/// The likeliest names (Viterbi), and how much likelier they are than any others: for each place
/// the best reading that has another letter there.
pub(super) fn read(cells: &[Cell]) -> Option<Names> {
    let emit = |cell: &Cell, state: State| if state.is_letter() { top(cell, None).0 } else { cell[0] };
    let mut forward: Vec<[f32; 7]> = Vec::with_capacity(cells.len());
    for (index, cell) in cells.iter().enumerate() {
        let scores = STATES.map(|state| {
            let before = match index.checked_sub(1).and_then(|index| forward.get(index)) {
                None => {
                    if state.may_follow(None) {
                        0.0
                    } else {
                        f32::NEG_INFINITY
                    }
                }
                Some(scores) => best_of(scores, |before| state.may_follow(Some(before))),
            };
            before + emit(cell, state)
        });
        forward.push(scores);
    }
    let mut backward = vec![[0.0_f32; 7]; cells.len()];
    for index in (0..cells.len().saturating_sub(1)).rev() {
        let after: [f32; 7] =
            std::array::from_fn(|state| backward[index + 1][state] + emit(&cells[index + 1], STATES[state]));
        backward[index] = STATES.map(|state| best_of(&after, |next| next.may_follow(Some(state))));
    }
    let best = best_of(forward.last()?, |_| true);
    let mut letters = Vec::with_capacity(cells.len());
    let mut gap = f32::INFINITY;
    let mut free = 0.0;
    for (index, cell) in cells.iter().enumerate() {
        let through: [f32; 7] = std::array::from_fn(|state| forward[index][state] + backward[index][state]);
        let (as_letter, as_filler) =
            (best_of(&through, State::is_letter), best_of(&through, |state| !state.is_letter()));
        let (score, letter) = top(cell, None);
        let (second, _) = top(cell, Some(letter));
        let next_letter = as_letter - score + second;
        if as_letter >= as_filler {
            letters.push(letter);
            gap = gap.min(best - as_filler.max(next_letter));
        } else {
            letters.push(b'<');
            gap = gap.min(best - as_letter);
        }
        free += score.max(cell[0]);
    }
    Some(Names { letters, penalty: free - best, gap })
}

/// The likeliest letter A to Z, leaving one out.
fn top(cell: &Cell, without: Option<u8>) -> (f32, u8) {
    let letters = cell.iter().copied().zip(ALPHABET).filter(|(_, letter)| letter.is_ascii_uppercase());
    letters
        .filter(|(_, letter)| Some(*letter) != without)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((f32::MIN, b'A'))
}

fn best_of(scores: &[f32; 7], allowed: impl Fn(State) -> bool) -> f32 {
    let scores = scores.iter().zip(STATES).filter(|(_, state)| allowed(*state));
    scores.map(|(score, _)| *score).fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells in which a text is likely and, where `second` differs, its letters almost as likely.
    fn cells(text: &str, second: &str) -> Vec<Cell> {
        let at = |letter: u8| ALPHABET.iter().position(|known| *known == letter).unwrap();
        text.bytes()
            .zip(second.bytes())
            .map(|(first, second)| {
                let mut cell = [-9.0; 37];
                cell[at(second)] = -0.8;
                cell[at(first)] = -0.5;
                cell
            })
            .collect()
    }

    #[test]
    fn names_that_follow_the_grammar_stay() {
        for text in [
            "ERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
            "VAN<DER<BERG<<O<<<<<<<<<<<<<<<<",
            "ARKFREITH<<<<<<<<<<<<<<<<<<<<<<",
            "A<B<<CD<EFGHIJKLMNOPQRSTUVWXYZA",
        ] {
            let names = read(&cells(text, text)).unwrap();
            assert_eq!(String::from_utf8(names.letters).unwrap(), text);
            assert!(names.penalty.abs() < 1e-3 && names.gap > 7.0, "{} {}", names.penalty, names.gap);
        }
    }

    #[test]
    fn a_letter_among_the_fillers_is_a_filler() {
        let names = read(&cells("ERIKSSON<<ANNA<<<<<K<<<<<", "ERIKSSON<<ANNA<<<<<<<<<<<")).unwrap();
        assert_eq!(names.letters, b"ERIKSSON<<ANNA<<<<<<<<<<<");
        assert!((names.penalty - 0.3).abs() < 1e-3);
    }

    #[test]
    fn letters_that_are_as_likely_leave_no_gap() {
        let names = read(&cells("ERIKSSON<<ANNA<<<", "ERIKSSDN<<ANNA<<<")).unwrap();
        assert_eq!(names.letters, b"ERIKSSON<<ANNA<<<");
        assert!((names.gap - 0.3).abs() < 1e-3);
        assert!(read(&[]).is_none());
    }
}
