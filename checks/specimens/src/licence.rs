//! Backs of North American driving licences, and what else carries a PDF417.

use vetd_model::date::Date;

use crate::canvas::{Canvas, Face};
use crate::pdf417;
use crate::people::{Person, code};
use crate::photo::Page;
use crate::rng::Seeded;

/// Width of a module on a drawn page, in pixels.
const MODULE: f32 = 4.0;

/// Who issues licences, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jurisdiction {
    /// Issuer identification number.
    pub number: &'static str,
    /// Postal abbreviation.
    pub name: &'static str,
    /// `USA`, where dates are `MMDDCCYY`, or `CAN`, where they are `CCYYMMDD`.
    pub country: &'static str,
    city: &'static str,
}

const JURISDICTIONS: [Jurisdiction; 8] = [
    Jurisdiction { number: "636014", name: "CA", country: "USA", city: "SACRAMENTO" },
    Jurisdiction { number: "636000", name: "VA", country: "USA", city: "RICHMOND" },
    Jurisdiction { number: "636015", name: "TX", country: "USA", city: "SAN ANTONIO" },
    Jurisdiction { number: "636001", name: "NY", country: "USA", city: "ALBANY" },
    Jurisdiction { number: "636026", name: "AZ", country: "USA", city: "TUCSON" },
    Jurisdiction { number: "636010", name: "FL", country: "USA", city: "TALLAHASSEE" },
    Jurisdiction { number: "636012", name: "ON", country: "CAN", city: "OTTAWA" },
    Jurisdiction { number: "636028", name: "BC", country: "CAN", city: "VICTORIA" },
];

/// The back of a driving licence after the *AAMVA DL/ID Card Design Standard*, version 8, 9 or 10.
#[derive(Debug, Clone)]
pub struct LicenceBack {
    /// Whose licence it is.
    pub person: Person,
    /// First name as in the barcode: the first of the given names.
    pub first_name: String,
    /// The rest of the given names, if any.
    pub middle_names: Option<String>,
    /// Who issued it.
    pub jurisdiction: Jurisdiction,
    /// Document discriminator.
    pub discriminator: String,
    /// Street of the address.
    pub street: String,
    /// Postal code as people write it.
    pub postal_code: String,
    /// The barcode's text.
    pub text: String,
    /// How it looks. The [unit](Page::unit) is the width of a module.
    pub page: Page,
}

impl LicenceBack {
    /// The licence of somebody invented: the same for the same seed.
    #[must_use]
    pub fn invented(seed: u64) -> Self {
        Self::of(Person::invented(seed), seed)
    }

    /// The licence of this person; the seed decides who issued it and how it looks.
    #[must_use]
    pub fn of(person: Person, seed: u64) -> Self {
        let random = &mut Seeded::new(seed, "licence");
        let jurisdiction = *random.pick(&JURISDICTIONS);
        let mut given = person.given_names.split(' ');
        let first_name = given.next().unwrap_or_default().to_owned();
        let rest = given.collect::<Vec<_>>().join(" ");
        let postal_code = match jurisdiction.country {
            "CAN" => "K1A 0B1".to_owned(),
            _ => random.whole(10_000, 99_999).to_string(),
        };
        let mut licence = Self {
            first_name,
            middle_names: (!rest.is_empty()).then_some(rest),
            jurisdiction,
            discriminator: format!("{}/{}/{}BBFD/25", random.whole(10, 99), random.whole(100, 999), code(random, 5, 9)),
            street: format!("{} MAIN STREET APT {}", random.whole(1, 9_999), random.whole(1, 99)),
            postal_code,
            text: String::new(),
            page: Page { canvas: Canvas::new(1, 1, [0; 3]), unit: MODULE },
            person,
        };
        licence.text = licence.write(random);
        licence.page = card(&licence.text, random);
        licence
    }

    /// What stands in the barcode (AAMVA standard, D.12).
    fn write(&self, random: &mut Seeded) -> String {
        let Jurisdiction { number, name, country, city } = self.jurisdiction;
        let date = |date: Date| {
            let text = date.to_string().replace('-', "");
            if country == "CAN" { text } else { format!("{}{}", &text[4..], &text[..4]) }
        };
        let sex = match self.person.sex {
            'M' => "1",
            'F' => "2",
            _ => "9",
        };
        let zip = if country == "CAN" { self.postal_code.clone() } else { format!("{}0000  ", self.postal_code) };
        let height = if country == "CAN" { "171 cm".to_owned() } else { format!("0{} IN", random.whole(58, 78)) };
        let elements = [
            ("DAQ", self.person.number.clone()),
            ("DCS", self.person.surname.clone()),
            ("DDE", "N".to_owned()),
            ("DAC", self.first_name.clone()),
            ("DDF", "N".to_owned()),
            ("DAD", self.middle_names.clone().unwrap_or_else(|| "NONE".to_owned())),
            ("DDG", "N".to_owned()),
            ("DCA", "C".to_owned()),
            ("DCB", "NONE".to_owned()),
            ("DCD", "NONE".to_owned()),
            ("DBD", date(self.person.issued)),
            ("DBB", date(self.person.born)),
            ("DBA", date(self.person.expires)),
            ("DBC", sex.to_owned()),
            ("DAU", height),
            ("DAY", (*random.pick(&["BRO", "BLU", "GRN", "HAZ"])).to_owned()),
            ("DAG", self.street.clone()),
            ("DAI", city.to_owned()),
            ("DAJ", name.to_owned()),
            ("DAK", zip),
            ("DCF", self.discriminator.clone()),
            ("DCG", country.to_owned()),
            ("DAW", random.whole(110, 250).to_string()),
            ("DCK", code(random, 16, 16)),
            ("DDA", "F".to_owned()),
            ("DDB", "08292017".to_owned()),
            ("DDK", "1".to_owned()),
        ];
        let lines: Vec<String> = elements.iter().map(|(name, value)| format!("{name}{value}")).collect();
        let subfile = format!("DL{}\r", lines.join("\n"));
        let head = format!("@\n\u{1e}\rANSI {number}{:02}0001DL", random.pick(&[8, 9, 10]));
        format!("{head}{:04}{:04}{subfile}", head.len() + 8, subfile.len())
    }
}

/// A paper boarding pass with its barcode (IATA Resolution 792), which is a PDF417, too.
#[derive(Debug, Clone)]
pub struct BoardingPass {
    /// The barcode's text.
    pub text: String,
    /// How it looks. The [unit](Page::unit) is the width of a module.
    pub page: Page,
}

impl BoardingPass {
    /// That of somebody invented: the same for the same seed.
    #[must_use]
    pub fn invented(seed: u64) -> Self {
        let random = &mut Seeded::new(seed, "boarding pass");
        let person = Person::invented(seed);
        let name = format!("{}/{}", person.surname.replace(' ', ""), person.given_names.replace(' ', ""));
        let (flight, seat) = (random.whole(1, 999), random.whole(1, 40));
        let text = format!("M1{name:<20.20}E{} YULFRALH {flight:04} 226F{seat:03}A0025 100", code(random, 6, 6));
        let page = card(&text, random);
        Self { text, page }
    }
}

/// A card of format ID-1 with the barcode across its upper half and other print below.
fn card(text: &str, random: &mut Seeded) -> Page {
    let columns = if text.len() < 100 { 6 } else { random.whole(12, 17) };
    let rows = pdf417::modules(text, columns, random.whole(3, 5));
    let across = rows[0].len() as f32 * MODULE;
    let width = across / random.between(0.78, 0.9);
    let height = width * 53.98 / 85.6;
    let paper = [0; 3].map(|_: u8| u8::try_from(random.whole(215, 250)).unwrap_or(235));
    let mut canvas = Canvas::new(width as usize, height as usize, paper);
    let ink = [u8::try_from(random.whole(5, 60)).unwrap_or(30); 3];
    let (left, top) = (((width - across) / 2.0).floor(), (height * 0.12).floor());
    let row_height = (MODULE * random.between(2.6, 3.6)).round();
    for (index, row) in rows.iter().enumerate() {
        for (column, black) in row.iter().enumerate() {
            if *black {
                let (x, y) = (left + column as f32 * MODULE, top + index as f32 * row_height);
                canvas.rectangle(x, y, MODULE, row_height, ink);
            }
        }
    }
    let below = top + rows.len() as f32 * row_height + height * 0.05;
    other_print(&mut canvas, below, random);
    Page { canvas, unit: MODULE }
}

/// Small print and a barcode of one dimension.
fn other_print(canvas: &mut Canvas, below: f32, random: &mut Seeded) {
    let (width, height) = (canvas.width() as f32, canvas.height() as f32);
    let step = ((height - below) / 6.0).max(1.0);
    for row in 0..4 {
        let text = format!("CLASS C  ENDORSEMENTS NONE  RESTRICTIONS {}", code(random, 3, 8));
        let y = below + step * (row as f32 + 0.7);
        canvas.text(Face::Sans, width * 0.05, y, (step * 0.8).min(height * 0.05), &text, [50, 50, 55]);
    }
    let mut x = width * 0.6;
    while x < width * 0.93 {
        let bar = MODULE * random.whole(1, 3) as f32;
        canvas.rectangle(x, height * 0.84, bar, height * 0.11, [25, 25, 25]);
        x += bar + MODULE * random.whole(1, 3) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_is_the_same_for_the_same_seed() {
        let (one, other) = (LicenceBack::invented(3), LicenceBack::invented(3));
        assert_eq!((&one.text, &one.page.canvas), (&other.text, &other.page.canvas));
        assert!(one.text.starts_with("@\n\u{1e}\rANSI 6360"));
        assert_ne!(one.text, LicenceBack::invented(4).text);
    }
}
