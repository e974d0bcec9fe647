//! Invented people. Nobody here exists; names are combined by chance.

use vetd_model::date::Date;

use crate::rng::Seeded;

/// Family names of many languages in the letters of a machine-readable zone.
const SURNAMES: [&str; 64] = [
    "ERIKSSON",
    "MUELLER",
    "GARCIA LOPEZ",
    "OCONNOR",
    "VAN DER BERG",
    "KOWALSKA",
    "NGUYEN",
    "SMITH",
    "DUBOIS",
    "ROSSI",
    "DOS SANTOS",
    "IVANOV",
    "YILMAZ",
    "OKAFOR",
    "ZHANG",
    "QUINTANA",
    "JONES",
    "BJOERKLUND",
    "XAVIER",
    "FITZGERALD",
    "AL HASSAN",
    "SHEVCHENKO",
    "PAPADOPOULOS",
    "KIM",
    "TANAKA",
    "HAILE SELASSIE",
    "WEISS",
    "JAEGER",
    "KHAN",
    "SINGH",
    "O",
    "LI",
    "DE LA CRUZ",
    "MWANGI",
    "NDIAYE",
    "TRAORE",
    "HORVATH",
    "NOVAKOVA",
    "JANKAUSKAS",
    "KALNINS",
    "TAMM",
    "VIRTANEN",
    "HANSEN",
    "JOHANNSDOTTIR",
    "MACDONALD",
    "BEN DAVID",
    "ABDULLAYEV",
    "SARGSYAN",
    "GIORGADZE",
    "PETROVIC",
    "HOXHA",
    "POPESCU",
    "DIMITROV",
    "FERRARI BIANCHI",
    "LEFEBVRE",
    "WATANABE",
    "PHAM",
    "WONGSAKUL",
    "TUILAGI",
    "SILVA",
    "QURESHI",
    "BHATTACHARYA",
    "ZIELINSKI WOJCIK",
    "VENKATANARASIMHARAJUVARIPETA",
];

/// Given names of many languages in the letters of a machine-readable zone.
const GIVEN_NAMES: [&str; 56] = [
    "ANNA",
    "MARIA",
    "JOHN",
    "JEAN PIERRE",
    "LUIS",
    "ZOE",
    "QUENTIN",
    "XIMENA",
    "KAROLINA",
    "WOJCIECH",
    "OLUWASEUN",
    "THI",
    "MEHMET",
    "FATIMA",
    "BJOERN",
    "GUENTHER",
    "VICTORIA",
    "YUSUF",
    "DAVID",
    "SEO YEON",
    "HARUTO",
    "PRIYA",
    "ARJUN",
    "AISHA",
    "OMAR",
    "DMYTRO",
    "OKSANA",
    "GEORGIOS",
    "ELENI",
    "NIAMH",
    "SIOBHAN",
    "JOAO",
    "INES",
    "LARS",
    "ASTRID",
    "AINO",
    "MATYAS",
    "ZSOFIA",
    "LUKA",
    "JELENA",
    "TIGRAN",
    "NINO",
    "KWAME",
    "ADAEZE",
    "WANJIRU",
    "MEI LING",
    "WEI",
    "SOMCHAI",
    "LEILANI",
    "TANE",
    "MARKETA",
    "IRENE",
    "KIMBERLY",
    "EVE",
    "HIMANSHU",
    "JACQUELINE",
];

/// States and organisations that issue documents, in the codes of ICAO Doc 9303 part 3.
const ISSUERS: [&str; 48] = [
    "USA", "GBR", "D", "FRA", "ITA", "ESP", "NLD", "POL", "UTO", "CAN", "MEX", "BRA", "IND", "CHN", "JPN", "AUS",
    "ZAF", "NGA", "TUR", "UKR", "SWE", "NOR", "CHE", "AUT", "PRT", "GRC", "ROU", "CZE", "EGY", "MAR", "KEN", "GHA",
    "PHL", "IDN", "VNM", "THA", "KOR", "ARG", "CHL", "COL", "FIN", "DNK", "IRL", "HUN", "HRV", "SRB", "GEO", "EST",
];

/// A person and the document they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Family name in capital letters A to Z and spaces.
    pub surname: String,
    /// Given names, likewise.
    pub given_names: String,
    /// The issuing state's code as ICAO writes it: three letters, or `D` for Germany.
    pub issuer: String,
    /// The nationality's code, likewise.
    pub nationality: String,
    /// The document's number: up to nine letters and digits.
    pub number: String,
    /// Date of birth.
    pub born: Date,
    /// `M`, `F` or `<` where the document does not say.
    pub sex: char,
    /// The day the document was issued; a zone does not say it, the page above it does.
    pub issued: Date,
    /// The last day it is valid.
    pub expires: Date,
    /// Optional data: letters, digits and nothing else; cut where the format has less room.
    pub optional: String,
}

impl Person {
    /// Somebody with a document that is valid from at the latest 2024 to at least 2027: the same
    /// person for the same seed.
    #[must_use]
    pub fn invented(seed: u64) -> Self {
        let random = &mut Seeded::new(seed, "person");
        let issuer = (*random.pick(&ISSUERS)).to_owned();
        let nationality = if random.chance(0.15) { (*random.pick(&ISSUERS)).to_owned() } else { issuer.clone() };
        let given: Vec<&str> = (0..random.whole(1, 3)).map(|_| *random.pick(&GIVEN_NAMES)).collect();
        let issued = day(random, 2017, 2024);
        let expires = day(random, 2027, 2034);
        Self {
            surname: (*random.pick(&SURNAMES)).to_owned(),
            given_names: given.join(" "),
            issuer,
            nationality,
            number: number(random),
            born: day(random, 1935, 2009),
            sex: if random.chance(0.04) { '<' } else { *random.pick(&['M', 'F']) },
            issued,
            expires,
            optional: if random.chance(0.35) { code(random, 3, 14) } else { String::new() },
        }
    }

    /// The same person with a document that expired on a day of 2021.
    #[must_use]
    pub fn expired(self) -> Self {
        let (issued, expires) = (Date::new(2011, 3, 7), Date::new(2021, 3, 6));
        Self { issued: issued.unwrap_or(self.issued), expires: expires.unwrap_or(self.expires), ..self }
    }

    /// The same person with a document that is issued in 2061 only.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        let (issued, expires) = (Date::new(2061, 3, 7), Date::new(2071, 3, 6));
        Self { issued: issued.unwrap_or(self.issued), expires: expires.unwrap_or(self.expires), ..self }
    }
}

fn day(random: &mut Seeded, first: u32, last: u32) -> Date {
    let year = u16::try_from(random.whole(first, last)).unwrap_or(2000);
    let month = u8::try_from(random.whole(1, 12)).unwrap_or(1);
    let day = u8::try_from(random.whole(1, 28)).unwrap_or(1);
    Date::new(year, month, day).expect("every month has 28 days")
}

/// Letters and digits by chance.
pub(crate) fn code(random: &mut Seeded, shortest: u32, longest: u32) -> String {
    let letters = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    (0..random.whole(shortest, longest)).map(|_| char::from(*random.pick(letters))).collect()
}

/// A document number as many states form them: digits, a letter or two and digits, or anything.
fn number(random: &mut Seeded) -> String {
    let length = if random.chance(0.12) { 8 } else { 9 };
    let letters = match random.whole(0, 9) {
        0..=2 => 0,
        3..=7 => random.whole(1, 2),
        _ => return code(random, length, length),
    };
    let letter = |random: &mut Seeded| char::from(*random.pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
    let mut number: String = (0..letters).map(|_| letter(random)).collect();
    for _ in letters..length {
        number.push(char::from(*random.pick(b"0123456789")));
    }
    number
}
