//! Pictures: a map of the voices and a sheet of faces.

use s2f_core::Sex;
use s2f_core::csv_cell::guarded;
use s2f_metrics::tsne;
use speech2face::Speech2Face;

use crate::EvalError;
use crate::context::Context;
use crate::groups::{age_band, band_name};
use crate::report::{Attachments, Item, Map, Picture, Section};
use crate::sheet::{Photographs, SHEET, draw_sheet, photographs_allowed};

/// Name of the file with the points of the map, and its columns.
pub(crate) const MAP_FILE: &str = "map.csv";
pub(crate) const MAP_COLUMNS: [&str; 3] = ["pair_id", "x", "y"];

/// Maximum number of points of a map.
const MAX_POINTS: usize = 1000;

/// Maps of the voices in the face space, coloured by what is known about the speakers.
pub(super) fn map(context: &Context<'_>, attachments: &mut Attachments) -> Section {
    let Context { items, voices, centre, .. } = context;
    let step = items.len().div_ceil(MAX_POINTS);
    let shown: Vec<usize> = (0..items.len()).step_by(step).collect();
    let places = tsne(&voices.minus(centre).select(&shown));
    let info = |pair: usize| &items.items[pair].info;
    let mut attributes: Vec<(String, Vec<Option<String>>)> = vec![
        ("stated sex".into(), {
            let name = |sex: Sex| if sex == Sex::Male { "male" } else { "female" }.to_owned();
            shown.iter().map(|&pair| info(pair).sex.map(name)).collect()
        }),
        (
            "stated age".into(),
            shown.iter().map(|&pair| age_band(info(pair).age).map(band_name)).collect(),
        ),
        ("stated language".into(), shown.iter().map(|&pair| info(pair).language.clone()).collect()),
    ];
    if let Some(labels) = &context.labels {
        for (attribute, name) in labels.attributes.iter().enumerate() {
            let of = shown.iter().map(|&pair| labels.of(attribute, info(pair)).map(str::to_owned));
            attributes.push((name.clone(), of.collect()));
        }
    }
    let mut section = Section {
        id: "map".into(),
        title: "Map of the voices".into(),
        text: vec![
            "Each point is a voice; nearby points have similar predicted faces (t-SNE, van der \
             Maaten & Hinton, 2008). Distances between distant points and sizes of clusters have \
             no meaning. The points are in map.csv."
                .into(),
        ],
        ..Section::default()
    };
    for (name, of) in &attributes {
        let mut classes: Vec<String> = of.iter().flatten().cloned().collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.len() > MAX_CLASSES {
            let count = classes.len();
            section.notes.push(format!("By {name}: {count} groups are too many to distinguish."));
        }
        if !(2..=MAX_CLASSES).contains(&classes.len()) {
            continue;
        }
        let unknown = of.iter().any(Option::is_none);
        let class = |of: &Option<String>| {
            let known = of.as_ref().and_then(|name| classes.binary_search(name).ok());
            known.unwrap_or(classes.len())
        };
        let points = places.iter().zip(of).map(|([x, y], of)| (*x, *y, class(of))).collect();
        if unknown {
            classes.push("not stated".into());
        }
        section.items.push(Item::Map(Map {
            title: format!("By {name}"),
            classes,
            points,
            caption: String::new(),
        }));
    }
    if section.items.is_empty() {
        section.items.push(Item::Map(Map {
            title: "Voices".into(),
            classes: vec!["voice".into()],
            points: places.iter().map(|[x, y]| (*x, *y, 0)).collect(),
            caption: "Nothing is stated about the speakers.".into(),
        }));
    }
    let mut csv = format!("{}\n", MAP_COLUMNS.join(","));
    for (&pair, [x, y]) in shown.iter().zip(&places) {
        csv += &format!("\"{}\",{x},{y}\n", guarded(&info(pair).pair_id).replace('"', "\"\""));
    }
    attachments.insert(MAP_FILE.into(), csv.into_bytes());
    section
}

/// Maximum number of colours: more cannot be distinguished.
const MAX_CLASSES: usize = 8;

/// Faces of some people: true, decoded, from the voice, and the nearest ones to the voice.
pub(crate) fn sheet(
    context: &Context<'_>,
    model: &Speech2Face,
    photographs: &Photographs<'_>,
    wanted: bool,
    attachments: &mut Attachments,
) -> Result<Section, EvalError> {
    let mut section = Section {
        id: "faces".into(),
        title: "Faces".into(),
        text: vec![
            "Some of the people who were evaluated, evenly spaced and not chosen by result. \
             Generated faces are synthetic: they show nobody, and are not a likeness of the \
             speaker."
                .into(),
        ],
        ..Section::default()
    };
    let licences = context.items.items.iter().map(|item| item.info.licence.as_str());
    let refused = licences.clone().find(|licence| !photographs_allowed(licence));
    let shows_photographs = wanted && refused.is_none();
    if !wanted {
        section.notes.push("Photographs were left out on request.".into());
    } else if let Some(refused) = refused {
        section.notes.push(format!(
            "The licence of these pairs ({}) is not known to allow showing photographs, so only \
             generated faces are shown.",
            if refused.is_empty() { "none is stated" } else { refused }
        ));
    }
    let (picture, columns) = draw_sheet(context, model, photographs, shows_photographs)?;
    attachments.insert(SHEET.into(), picture);
    let mut names: Vec<String> = licences.map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    let licence = if shows_photographs {
        format!(" Photographs under {}.", names.join(", "))
    } else {
        String::new()
    };
    section.items.push(Item::Picture(Picture {
        title: "From left to right".into(),
        file: SHEET.into(),
        alt: format!("One row of faces per person: {}", columns.join(", ")),
        caption: format!("{}.{licence}", columns.join(" · ")),
    }));
    Ok(section)
}
