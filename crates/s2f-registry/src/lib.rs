//! Published networks that corpora and measures need: where they lie, their licences, fetched and
//! verified.
