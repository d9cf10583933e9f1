//! Groups of people: by sex, age band and language, as the corpus states them.

use s2f_core::Sex;
use s2f_pairs::PairInfo;

use crate::items::Items;

/// What people have in common in a controlled comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    Sex,
    AgeBand,
    Language,
    /// All three.
    Everything,
}

impl Control {
    pub(crate) const ALL: [Self; 4] = [Self::Sex, Self::AgeBand, Self::Language, Self::Everything];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sex => "same-sex",
            Self::AgeBand => "same-age-band",
            Self::Language => "same-language",
            Self::Everything => "same-sex-age-language",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Sex => "of one sex",
            Self::AgeBand => "of one age band",
            Self::Language => "of one language",
            Self::Everything => "of one sex, age band and language",
        }
    }
}

impl Items {
    /// Group of each pair under a control, from what the corpus states; `None` if it does not.
    pub(crate) fn groups(&self, control: Control) -> Vec<Option<u32>> {
        let languages: Vec<Option<&str>> =
            self.items.iter().map(|item| item.info.language.as_deref()).collect();
        let mut names: Vec<&str> = languages.iter().flatten().copied().collect();
        names.sort_unstable();
        names.dedup();
        let language = |item: usize| {
            let name = languages[item]?;
            names.binary_search(&name).ok().map(|number| number as u32)
        };
        let sex = |item: usize| sex_group(&self.items[item].info);
        let age = |item: usize| age_band(self.items[item].info.age);
        let group = |item: usize| match control {
            Control::Sex => sex(item),
            Control::AgeBand => age(item),
            Control::Language => language(item),
            Control::Everything => {
                Some((language(item)? * AGE_BANDS + age(item)?) * 2 + sex(item)?)
            }
        };
        (0..self.len()).map(group).collect()
    }
}

/// Group of a stated sex.
pub(crate) fn sex_group(info: &PairInfo) -> Option<u32> {
    info.sex.map(|sex| u32::from(sex == Sex::Male))
}

/// Number of age bands, one per decade.
const AGE_BANDS: u32 = 13;

/// A plausible age: nobody is known to have lived for 130 years.
pub(crate) fn stated_age(age: Option<f32>) -> Option<f32> {
    age.filter(|age| (0.0..130.0).contains(age))
}

/// Decade of an age, years.
pub(crate) fn age_band(age: Option<f32>) -> Option<u32> {
    Some((stated_age(age)? / 10.0) as u32)
}

/// Name of a decade of age.
pub(crate) fn band_name(band: u32) -> String {
    format!("{}–{}", 10 * band, 10 * band + 9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_fall_into_decades() {
        assert_eq!(age_band(Some(29.9)), Some(2));
        assert_eq!(age_band(Some(-1.0)).or(age_band(Some(f32::NAN))).or(age_band(None)), None);
        assert_eq!(band_name(2), "20–29");
    }
}
