//! Pairs of names and what they come to.

use proptest::prelude::*;

use super::*;

use Match::{Different, Same, Similar, Unsure};

/// Family and given names of two sources, and what comparing them comes to.
type Pair = ((&'static str, &'static str), (&'static str, &'static str), Match);

const PAIRS: [Pair; 64] = [
    // The same, in capital letters or with the same marks.
    (("Eriksson", "Anna Maria"), ("ERIKSSON", "ANNA MARIA"), Same),
    (("Müller", "Jürgen"), ("MÜLLER", "JÜRGEN"), Same),
    // Marks: U, UE and UXX are all right.
    (("Müller", "Jürgen"), ("MUELLER", "JUERGEN"), Same),
    (("Müller", "Jürgen"), ("MULLER", "JURGEN"), Same),
    (("Mu\u{308}ller", "Anna"), ("MUELLER", "ANNA"), Same),
    (("Müller", "Anna"), ("MUXXLLER", "ANNA"), Same),
    (("Muller", "Anna"), ("MUELLER", "ANNA"), Similar(MARKS_LOST)),
    (("Weiß", "Jörg"), ("WEISS", "JOERG"), Same),
    (("Groẞmann", "Änne"), ("GROSSMANN", "AENNE"), Same),
    (("Åkesson", "Björn"), ("AAKESSON", "BJOERN"), Same),
    (("Åkesson", "Björn"), ("AKESSON", "BJORN"), Same),
    (("Ødegård", "Søren"), ("OEDEGAARD", "SOEREN"), Same),
    (("Ægirsdóttir", "Þóra"), ("AEGIRSDOTTIR", "THORA"), Same),
    (("Núñez", "José"), ("NUNEZ", "JOSE"), Same),
    (("Núñez", "José"), ("NUNXXEZ", "JOSE"), Same),
    (("Lefèvre", "François"), ("LEFEVRE", "FRANCOIS"), Same),
    (("Sœur", "Loïc"), ("SOEUR", "LOIC"), Same),
    // Slavic, Baltic, Hungarian, Romanian.
    (("Wałęsa", "Świętosława"), ("WALESA", "SWIETOSLAWA"), Same),
    (("Dvořák", "Antonín"), ("DVORAK", "ANTONIN"), Same),
    (("Đorđević", "Željko"), ("DORDEVIC", "ZELJKO"), Same),
    (("Šķēle", "Jānis"), ("SKELE", "JANIS"), Same),
    (("Kőrösi", "Győző"), ("KOROSI", "GYOZO"), Same),
    (("Ștefănescu", "Ion"), ("STEFANESCU", "ION"), Same),
    // Vietnamese, Turkish, Azerbaijani.
    (("Nguyễn", "Thị Phương"), ("NGUYEN", "THI PHUONG"), Same),
    (("Đặng", "Văn Đức"), ("DANG", "VAN DUC"), Same),
    (("Yıldırım", "Işıl"), ("YILDIRIM", "ISIL"), Same),
    (("İnönü", "İsmet"), ("INONU", "ISMET"), Same),
    (("Çağlayan", "Gülşah"), ("CAGLAYAN", "GULSAH"), Same),
    // Hyphens, apostrophes, blanks.
    (("O'Connor", "Sinéad"), ("OCONNOR", "SINEAD"), Same),
    (("O’Connor", "Sinead"), ("O CONNOR", "SINEAD"), Same),
    (("Smith-Jones", "Anne-Marie"), ("SMITH JONES", "ANNE MARIE"), Same),
    (("de la Cruz", "Juan"), ("DELACRUZ", "JUAN"), Same),
    (("van den Berg", "Jan Willem"), ("VAN DEN BERG", "JANWILLEM"), Same),
    (("St. John", "Ivy"), ("ST JOHN", "IVY"), Same),
    // Given names in another order, missing, as initials.
    (("Silva", "Ana Maria"), ("SILVA", "MARIA ANA"), Same),
    (("Eriksson", "Anna"), ("ERIKSSON", "ANNA MARIA"), Similar(MIDDLE_NAMES_MISSING)),
    (("Public", "John Q."), ("PUBLIC", "JOHN QUINCY"), Similar(INITIAL)),
    (("Public", "J"), ("PUBLIC", "JOHN QUINCY"), Similar(INITIAL)),
    (("Suharto", ""), ("SUHARTO", ""), Same),
    (("Suharto", ""), ("SUHARTO", "HAJI"), Similar(NO_GIVEN_NAME)),
    // Family names after marriage, or the first of two.
    (("García", "Luis"), ("GARCIA LOPEZ", "LUIS"), Similar(PART_OF_FAMILY_NAME)),
    (("Smith-Jones", "Ann"), ("JONES", "ANN"), Similar(PART_OF_FAMILY_NAME)),
    // In each other's place.
    (("Anna", "Eriksson"), ("ERIKSSON", "ANNA"), Similar(SWAPPED)),
    (("Nguyễn Văn", "An"), ("NGUYEN", "VAN AN"), Similar(PARTED_OTHERWISE)),
    // Slips of the pen.
    (("Erikson", "Anna"), ("ERIKSSON", "ANNA"), Similar(LIKELY - 1)),
    (("Kowalski", "Anne"), ("KOWALSKI", "ANNA"), Similar(883)),
    (("Petersen", "Lars"), ("PEDERSEN", "LARS"), Similar(LIKELY - 1)),
    // Other scripts, agreeing.
    (("Иванов", "Иван"), ("IVANOV", "IVAN"), Same),
    (("Шевченко", "Оксана"), ("SHEVCHENKO", "OKSANA"), Same),
    (("Гриценко", "Галина"), ("HRYTSENKO", "HALYNA"), Same),
    (("王", "小明"), ("WANG", "XIAO MING"), Same),
    (("李", "娜"), ("李", "娜"), Same),
    // And not: many spellings are right.
    (("Иванов", "Юлия"), ("IVANOFF", "JULIA"), Unsure),
    (("Παπαδόπουλος", "Γιώργος"), ("PAPADOPOULOS", "GEORGIOS"), Unsure),
    (("محمد", "علي"), ("MOHAMMED", "ALI"), Unsure),
    (("王", "小明"), ("WONG", "SIU MING"), Unsure),
    (("김", "민준"), ("KIM", "MINJOON"), Unsure),
    (("", ""), ("ERIKSSON", "ANNA"), Unsure),
    // Different people.
    (("Smith", "John"), ("JONES", "DAVID"), Different),
    (("Smith", "John"), ("SMITH", "DAVID"), Different),
    (("Johnson", "Mary"), ("JONES", "MARY"), Different),
    (("Smith", "Anna"), ("SCHMIDT", "ANNA"), Different),
    (("Ivanov", "Inna"), ("IVANOV", "ANNA"), Different),
    (("Иванов", "Иван"), ("Smith", ""), Unsure),
];

#[test]
fn pairs_of_names() {
    for ((last, first), (other_last, other_first), expected) in PAIRS {
        let (one, other) = (Names::whole(last, first), Names::whole(other_last, other_first));
        assert_eq!(compare(one, other), expected, "{last}, {first} and {other_last}, {other_first}");
        assert_eq!(compare(other, one), expected, "{other_last}, {other_first} and {last}, {first}");
    }
}

#[test]
fn a_zone_that_is_full_may_have_cut_the_names() {
    // The examples of Doc 9303 part 4, 4.2.3: given names as initials, missing, or cut.
    let thai = ("Nilavadhanananda", "Chayapa Dejthamrong Krasuang");
    let greek = ("Papandropoulous", "Jonathon Warren Trevorson");
    let cases = [
        (
            ("Bennelong Wooloomooloo Warrandyte Warnambool", "Dingo Potoroo"),
            ("BENNELONG WOOLOOMOOLOO WARRANDYTE WARNA", ""),
            true,
        ),
        (thai, ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONG K"), true),
        (thai, ("NILAVADHANANANDA", "CHAYAPA DEJTHAMRONGKR"), false),
        (greek, ("PAPANDROPOULOUS", "JONATHON WARREN TREVOR"), true),
        (greek, ("PAPANDROPOULOUS", "JONATHON TREVORSON MAX"), false),
        (greek, ("PAPANDROPOULOUS", "WARREN J TREVORSON ABC"), false),
    ];
    for ((last, first), (zone_last, zone_first), same) in cases {
        let zone = Names::of_zone(zone_last, zone_first, 39);
        assert!(zone.cut, "{zone_last}, {zone_first}");
        assert_eq!(compare(Names::whole(last, first), zone) == Same, same, "{zone_last}, {zone_first}");
    }
    let roomy = Names::of_zone("ERIKS", "ANNA", 39);
    assert!(!roomy.cut);
    assert_ne!(compare(Names::whole("Eriksson", "Anna"), roomy), Same);
}

/// Comparing takes the square of a name's letters, and one letter may become many.
#[test]
fn a_name_stays_within_its_limit_in_latin_letters() {
    for letter in ["щ", "㌖", "\u{fdfa}", "a "] {
        let name = letter.repeat(LONGEST);
        let spelled = Spelled::all(&name).spellings;
        assert!(spelled.iter().all(|words| (100..=LONGEST).contains(&words.concat().len())), "{letter}");
        assert_eq!(compare(Names::whole(&name, &name), Names::whole(&name, &name)), Same, "{letter}");
    }
}

proptest! {
    #[test]
    fn no_names_make_it_panic(last in any::<String>(), given in any::<String>(), other in any::<String>(), cut: bool) {
        let one = Names { last: &last, given: &given, cut };
        let two = Names { last: &other, given: &given, cut: false };
        prop_assert_eq!(compare(one, two), compare(two, one));
    }

    #[test]
    fn a_name_is_itself(last in "\\p{Latin}{1,20}", given in "\\p{Latin}{1,9}( \\p{Latin}{1,9}){0,3}") {
        let name = Names::whole(&last, &given);
        if !words(&last).is_empty() && !words(&given).is_empty() {
            prop_assert_eq!(compare(name, name), Same);
        }
    }
}
