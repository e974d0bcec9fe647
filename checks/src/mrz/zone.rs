//! From likely letters to a zone that its check digits, the table of states and the grammar of
//! names allow, and whether no other zone is nearly as likely.

use super::lattice::{ALPHABET, Cell};
use super::layout::{Format, Place};
use super::names;

/// By how much (a difference of logarithms) what is read must be likelier than anything else that
/// the rules allow.
const MIN_GAP: f32 = 1.6;
/// Likewise for a visa's optional data: nothing is decided by them.
const MIN_OPTIONAL_GAP: f32 = 0.7;
/// The most that rules may cost in one field: beyond, it is not the picture that is read.
const MAX_PENALTY: f32 = 4.0;
/// The most that two changes in one field may cost together.
const MAX_PAIR_PENALTY: f32 = 3.0;
/// The most doubt (the negative sum of logarithms of probabilities) about all letters of a field
/// with a check digit. One digit in ten is right by chance, so where several letters are unclear,
/// as under a spot of glare, a digit that is right says little.
const MAX_DOUBT: f32 = 2.5;
/// So many of the likeliest changes are tried in a field.
const CHANGES: usize = 14;
/// The least mean of the logarithms of the letters' probabilities.
const MIN_MEAN: f32 = -0.12;
/// Most documents are of a national of the issuing state.
const SAME_STATE: f32 = 1.5;
/// So many codes of states are compared with each other.
const STATES: usize = 6;

/// A zone as read.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) format: Format,
    pub(super) lines: Vec<Vec<u8>>,
    /// The mean of the logarithms of the letters' probabilities: at most 0.
    pub(super) mean: f32,
    /// All check digits are right.
    pub(super) holds: bool,
    /// Everything that is shown of it is much likelier than anything else.
    pub(super) clear: bool,
    /// Each letter is much likelier than any other in its place, whatever the rules say.
    pub(super) clear_letters: bool,
}

impl Zone {
    pub(super) fn is_proven(&self) -> bool {
        self.holds && self.clear && self.mean >= MIN_MEAN
    }
}

/// What a rule made of a field.
#[derive(Debug, Clone, Copy)]
struct Settled {
    holds: bool,
    penalty: f32,
    gap: f32,
}

impl Settled {
    fn is_clear(self) -> bool {
        self.penalty <= MAX_PENALTY && self.gap >= MIN_GAP
    }
}

/// Reads cells as a zone of this format; none if they have another shape.
pub(super) fn read(format: Format, cells: &[&[Cell]]) -> Option<Zone> {
    if cells.len() != format.lines() || cells.iter().any(|line| line.len() != format.columns()) {
        return None;
    }
    let mut page = Page { format, cells, lines: Vec::new() };
    page.lines = (0..cells.len())
        .map(|line| (0..format.columns()).map(|column| page.options((line, column)).0).collect())
        .collect();
    let mut holds = true;
    let mut clear = true;
    for field in format.checked() {
        let settled = page.settle(&field.places(), |lines| field.holds(lines));
        holds &= settled.holds;
        clear &= settled.is_clear() && page.doubt(&field.places()) <= MAX_DOUBT;
    }
    if let Some((_, places)) = format.composite() {
        let settled = page.settle(&places, |lines| format.composite_holds(lines));
        holds &= settled.holds;
        clear &= settled.is_clear() && page.doubt(&places) <= MAX_DOUBT;
    }
    clear &= page.settle_states().is_some_and(Settled::is_clear);
    let (line, columns) = format.names();
    let names = names::read(cells.get(line)?.get(columns.clone())?)?;
    clear &= names.penalty <= MAX_PENALTY && names.gap >= MIN_GAP;
    page.lines.get_mut(line)?.get_mut(columns)?.copy_from_slice(&names.letters);
    clear &= format.bare().into_iter().all(|place| page.gap(place) >= MIN_GAP);
    clear &= page.code_gap() >= MIN_GAP;
    clear &= format.unprotected().into_iter().all(|place| page.gap(place) >= MIN_OPTIONAL_GAP);
    let places = (0..format.lines()).flat_map(|line| (0..format.columns()).map(move |column| (line, column)));
    let clear_letters = places.into_iter().all(|place| page.gap(place) >= MIN_GAP);
    let mean = page.mean();
    Some(Zone { format, lines: page.lines, mean, holds, clear, clear_letters })
}

struct Page<'a> {
    format: Format,
    cells: &'a [&'a [Cell]],
    lines: Vec<Vec<u8>>,
}

impl Page<'_> {
    fn score(&self, (line, column): Place, letter: u8) -> f32 {
        let index = match letter {
            b'0'..=b'9' => usize::from(letter - b'0') + 1,
            b'A'..=b'Z' => usize::from(letter - b'A') + 11,
            _ => 0,
        };
        self.cells.get(line).and_then(|line| line.get(column)).map_or(f32::MIN, |cell| cell[index])
    }

    /// The likeliest letter that may stand in a place, and the others with how much less likely
    /// they are.
    fn options(&self, place: Place) -> (u8, Vec<(f32, u8)>) {
        let class = self.format.class(place);
        let mut options: Vec<(f32, u8)> = ALPHABET
            .into_iter()
            .filter(|letter| class.allows(*letter))
            .map(|letter| (self.score(place, letter), letter))
            .collect();
        options.sort_by(|a, b| b.0.total_cmp(&a.0));
        let Some((best, first)) = options.first().copied() else { return (b'<', Vec::new()) };
        (first, options.into_iter().skip(1).map(|(score, letter)| (best - score, letter)).collect())
    }

    /// How much likelier the letter in a place is than any other that may stand there.
    fn gap(&self, place: Place) -> f32 {
        self.options(place).1.first().map_or(f32::INFINITY, |(cost, _)| *cost)
    }

    /// How much likelier the document code's first letter is than those of other documents: it
    /// decides which fields the zone has.
    fn code_gap(&self) -> f32 {
        let first = self.lines.first().and_then(|line| line.first()).copied().unwrap_or(b'<');
        let others = b"PVIAC".iter().filter(|letter| **letter != first);
        let next = others.map(|letter| self.score((0, 0), *letter)).fold(f32::NEG_INFINITY, f32::max);
        self.score((0, 0), first) - next
    }

    /// How unlikely the letters in these places are together.
    fn doubt(&self, places: &[Place]) -> f32 {
        let letter = |(line, column): Place| self.lines.get(line).and_then(|line| line.get(column)).copied();
        -places.iter().filter_map(|place| Some(self.score(*place, letter(*place)?))).sum::<f32>()
    }

    fn put(lines: &mut [Vec<u8>], (line, column): Place, letter: u8) {
        if let Some(slot) = lines.get_mut(line).and_then(|line| line.get_mut(column)) {
            *slot = letter;
        }
    }

    /// Makes a rule hold with the likeliest letters: those that stand there, or one or two others.
    /// Leaves everything as it is if no cheap change does.
    fn settle(&mut self, places: &[Place], holds: impl Fn(&[Vec<u8>]) -> bool) -> Settled {
        let mut changes: Vec<(f32, Place, u8)> = places
            .iter()
            .flat_map(|place| self.options(*place).1.into_iter().take(3).map(|(cost, letter)| (cost, *place, letter)))
            .collect();
        changes.sort_by(|a, b| a.0.total_cmp(&b.0));
        changes.truncate(CHANGES);
        // The costs of everything that holds, and the changes that lead there.
        let mut found: Vec<(f32, Vec<(Place, u8)>)> = Vec::new();
        let mut lines = self.lines.clone();
        let mut attempt = |cost: f32, these: Vec<(Place, u8)>| {
            let before: Vec<(Place, u8)> =
                these.iter().map(|(place, _)| (*place, self.lines[place.0][place.1])).collect();
            these.iter().for_each(|(place, letter)| Self::put(&mut lines, *place, *letter));
            if holds(&lines) {
                found.push((cost, these));
            }
            before.into_iter().for_each(|(place, letter)| Self::put(&mut lines, place, letter));
        };
        attempt(0.0, Vec::new());
        for (index, (cost, place, letter)) in changes.iter().enumerate() {
            attempt(*cost, vec![(*place, *letter)]);
            for (more, other, another) in changes.iter().skip(index + 1).filter(|change| change.1 != *place) {
                attempt(cost + more, vec![(*place, *letter), (*other, *another)]);
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        let affordable = |(cost, changes): &&(f32, Vec<(Place, u8)>)| {
            *cost <= if changes.len() > 1 { MAX_PAIR_PENALTY } else { MAX_PENALTY }
        };
        let Some((penalty, best)) = found.first().filter(affordable) else {
            return Settled { holds: false, penalty: f32::INFINITY, gap: 0.0 };
        };
        best.iter().for_each(|(place, letter)| Self::put(&mut self.lines, *place, *letter));
        let next = found.get(1).map_or(f32::INFINITY, |(cost, _)| *cost);
        Settled { holds: true, penalty: *penalty, gap: next - penalty }
    }

    /// Reads the codes of issuing state and nationality as codes that there are.
    fn settle_states(&mut self) -> Option<Settled> {
        let [issuer, nationality] = self.format.states();
        let letters = |code: &str| -> Vec<u8> { code.bytes().chain([b'<'; 3]).take(3).collect() };
        let score = |start: Place, code: &[u8]| -> f32 {
            code.iter().enumerate().map(|(index, letter)| self.score((start.0, start.1 + index), *letter)).sum()
        };
        let codes: Vec<Vec<u8>> = ::mrz::codes().iter().map(|(code, _)| letters(code)).collect();
        let likeliest = |start: Place| {
            let mut scored: Vec<(f32, &Vec<u8>)> = codes.iter().map(|code| (score(start, code), code)).collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0));
            scored.truncate(STATES);
            scored
        };
        let (issuers, nationalities) = (likeliest(issuer), likeliest(nationality));
        let mut pairs: Vec<(f32, &Vec<u8>, &Vec<u8>)> = Vec::new();
        for (first, one) in &issuers {
            for (second, other) in &nationalities {
                pairs.push((first + second + if one == other { SAME_STATE } else { 0.0 }, one, other));
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (best, one, other) = pairs.first()?;
        let next = pairs.get(1).map_or(f32::NEG_INFINITY, |pair| pair.0);
        let free: f32 = [issuer, nationality]
            .into_iter()
            .flat_map(|start| (0..3).map(move |index| (start.0, start.1 + index)))
            .map(|place| self.score(place, self.options(place).0))
            .sum();
        let plain = score(issuer, one) + score(nationality, other);
        let settled = Settled { holds: true, penalty: free - plain, gap: best - next };
        let (one, other) = ((*one).clone(), (*other).clone());
        if settled.penalty <= MAX_PENALTY {
            for (start, code) in [(issuer, one), (nationality, other)] {
                for (index, letter) in code.into_iter().enumerate() {
                    Self::put(&mut self.lines, (start.0, start.1 + index), letter);
                }
            }
        }
        Some(settled)
    }

    fn mean(&self) -> f32 {
        let mut sum = 0.0;
        let mut count = 0.0_f32;
        for (line, letters) in self.lines.iter().enumerate() {
            for (column, letter) in letters.iter().enumerate() {
                sum += self.score((line, column), *letter);
                count += 1.0;
            }
        }
        sum / count.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPORT: [&str; 2] =
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];

    /// Cells that are almost certain of a text.
    fn cells(text: &str) -> Vec<Cell> {
        text.bytes()
            .map(|letter| {
                let mut cell = [-9.0; 37];
                cell[ALPHABET.iter().position(|known| *known == letter).unwrap()] = -0.01;
                cell
            })
            .collect()
    }

    fn zone(lines: &[Vec<Cell>], format: Format) -> Zone {
        let lines: Vec<&[Cell]> = lines.iter().map(Vec::as_slice).collect();
        read(format, &lines).unwrap()
    }

    /// Makes `letter` in a place as likely as `score` says.
    fn set(cells: &mut [Cell], column: usize, letter: u8, score: f32) {
        cells[column][ALPHABET.iter().position(|known| *known == letter).unwrap()] = score;
    }

    #[test]
    fn a_certain_zone_is_proven() {
        let zone = zone(&PASSPORT.map(cells), Format::Td3);
        assert!(zone.is_proven());
        assert_eq!(zone.lines, PASSPORT.map(|line| line.as_bytes().to_vec()));
    }

    #[test]
    fn a_check_digit_decides_between_likely_letters() {
        let mut lines = PASSPORT.map(cells);
        // A 3 that looks a little more like an 8.
        set(&mut lines[1], 8, b'8', -0.3);
        set(&mut lines[1], 8, b'3', -1.4);
        let zone = zone(&lines, Format::Td3);
        assert_eq!(zone.lines[1], PASSPORT[1].as_bytes());
        assert!(zone.is_proven());
    }

    #[test]
    fn a_digit_that_is_right_by_chance_proves_nothing() {
        // Four letters of the number are unclear; what they look like happens to have the digit.
        let mut lines = [PASSPORT[0], &PASSPORT[1].replacen("L898902C36", "FNM0917003", 1)].map(cells);
        for column in [1, 4, 5, 6] {
            lines[1][column].iter_mut().for_each(|score| *score = score.clamp(-4.0, -0.9));
        }
        let zone = zone(&lines, Format::Td3);
        assert!(zone.format.checked()[0].holds(&zone.lines) && !zone.clear);
    }

    #[test]
    fn a_wrong_digit_that_is_certain_is_left_as_printed() {
        let printed = PASSPORT[1].replacen("7408122F", "7408123F", 1);
        let zone = zone(&[cells(PASSPORT[0]), cells(&printed)], Format::Td3);
        assert_eq!(zone.lines[1], printed.as_bytes());
        assert!(!zone.holds && !zone.is_proven());
    }

    #[test]
    fn letters_that_a_check_digit_cannot_tell_apart_prove_nothing() {
        let mut lines = PASSPORT.map(cells);
        // 8 and S count the same modulo ten.
        set(&mut lines[1], 1, b'S', -0.9);
        let zone = zone(&lines, Format::Td3);
        assert!(zone.holds && !zone.clear);
    }

    #[test]
    fn a_state_that_there_is_not_becomes_one_that_there_is() {
        let mut lines = PASSPORT.map(|line| cells(&line.replace("UTO", "NLD")));
        set(&mut lines[0], 2, b'M', -0.2);
        set(&mut lines[0], 2, b'N', -1.7);
        assert_eq!(&zone(&lines, Format::Td3).lines[0][2..5], b"NLD");
    }

    #[test]
    fn other_shapes_are_no_zone() {
        let line = cells(PASSPORT[0]);
        assert!(read(Format::Td3, &[&line]).is_none());
        assert!(read(Format::Td2, &[&line, &line]).is_none());
    }
}
