//! Shards: which of the parts this process does, `I/N`, given or read from the job's environment.

use std::fmt;
use std::str::FromStr;

/// Shard `index` of `count`; `0/1` is everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

/// An invalid shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; hint: {hint}")]
pub struct ShardError {
    what: String,
    hint: &'static str,
}

/// Environment variables that schedulers set for the processes of one job: index, number, first
/// index and step.
///
/// Sources: `sbatch --array` of Slurm, indexed jobs of Kubernetes (which do not set the number: the
/// manifest must), and `torchrun`.
const SCHEDULERS: [Scheduler; 3] = [
    Scheduler {
        index: "SLURM_ARRAY_TASK_ID",
        count: "SLURM_ARRAY_TASK_COUNT",
        first: Some("SLURM_ARRAY_TASK_MIN"),
        step: Some("SLURM_ARRAY_TASK_STEP"),
    },
    Scheduler { index: "JOB_COMPLETION_INDEX", count: "JOB_COMPLETIONS", first: None, step: None },
    Scheduler { index: "RANK", count: "WORLD_SIZE", first: None, step: None },
];

struct Scheduler {
    index: &'static str,
    count: &'static str,
    first: Option<&'static str>,
    step: Option<&'static str>,
}

impl Shard {
    /// Everything.
    pub const ALL: Self = Self { index: 0, count: 1 };

    /// Shard `index`, from 0, of `count`.
    ///
    /// # Errors
    /// If `index` is not below `count`.
    pub fn new(index: usize, count: usize) -> Result<Self, ShardError> {
        if index < count {
            return Ok(Self { index, count });
        }
        Err(ShardError {
            what: format!("there is no shard {index} of {count}"),
            hint: "shards are counted from 0: the four of a job are 0/4, 1/4, 2/4 and 3/4",
        })
    }

    /// The shard of this process in an array job, and the variable it comes from; `None` without a
    /// known scheduler. `variable` is [`std::env::var`], except in tests.
    ///
    /// # Errors
    /// If a scheduler sets the index without the number of shards, or if they are not numbers.
    pub fn from_job(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(Self, &'static str)>, ShardError> {
        let number = |name: &str| match variable(name) {
            None => Ok(None),
            Some(text) => text.trim().parse::<usize>().map(Some).map_err(|_| ShardError {
                what: format!("the variable {name} is {text:?}, not a number"),
                hint: "choose the shard with --shard I/N, or --shard 0/1 for everything",
            }),
        };
        for Scheduler { index, count, first, step } in &SCHEDULERS {
            let Some(at) = number(index)? else { continue };
            let Some(of) = number(count)? else {
                return Err(ShardError {
                    what: format!("the variable {index} is set and {count} is not"),
                    hint: "set both in the job, or use --shard I/N (0/1 for everything)",
                });
            };
            let first = first.map_or(Ok(None), &number)?.unwrap_or(0);
            let step = step.map_or(Ok(None), &number)?.unwrap_or(1).max(1);
            return Self::new(at.saturating_sub(first) / step, of).map(|it| Some((it, *index)));
        }
        Ok(None)
    }

    /// Whether this shard does the part with this number.
    pub fn does(self, part: usize) -> bool {
        part % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let numbers = text.split_once('/').and_then(|(index, count)| {
            Some((index.trim().parse().ok()?, count.trim().parse().ok()?))
        });
        let Some((index, count)) = numbers else {
            return Err(ShardError {
                what: format!("{text:?} is not a shard"),
                hint: "write I/N, for example 0/4 for the first of four",
            });
        };
        Self::new(index, count)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_belongs_to_one_shard() {
        let shards: Vec<Shard> = (0..4).map(|i| format!("{i}/4").parse().unwrap()).collect();
        for part in 0..100 {
            assert_eq!(shards.iter().filter(|shard| shard.does(part)).count(), 1, "part {part}");
        }
        assert!((0..100).all(|part| Shard::ALL.does(part)));
    }

    #[test]
    fn invalid_shards_are_refused_with_a_hint() {
        for bad in ["4/4", "1/0", "-1/4", "1", "a/b", "", "1/4/2"] {
            let message = bad.parse::<Shard>().unwrap_err().to_string();
            assert!(message.contains("; hint: "), "{message}");
        }
    }

    #[test]
    fn job_variables_are_read() {
        let check = |variables: &[(&str, &str)], expected: Result<Option<&str>, &str>| {
            let found = Shard::from_job(|name| {
                variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            });
            match (found, expected) {
                (Ok(found), Ok(expected)) => {
                    assert_eq!(found.map(|(shard, _)| shard.to_string()).as_deref(), expected);
                }
                (Err(error), Err(word)) => assert!(error.to_string().contains(word), "{error}"),
                (found, expected) => panic!("{found:?} is not {expected:?}"),
            }
        };
        check(&[], Ok(None));
        check(&[("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "8")], Ok(Some("3/8")));
        let from_one = [
            ("SLURM_ARRAY_TASK_ID", "5"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
        ];
        check(&from_one, Ok(Some("2/4")));
        check(&[("JOB_COMPLETION_INDEX", "0"), ("JOB_COMPLETIONS", "2")], Ok(Some("0/2")));
        check(&[("JOB_COMPLETION_INDEX", "0")], Err("JOB_COMPLETIONS"));
        check(&[("RANK", "1"), ("WORLD_SIZE", "2")], Ok(Some("1/2")));
        check(&[("RANK", "x"), ("WORLD_SIZE", "2")], Err("RANK"));
        check(&[("RANK", "2"), ("WORLD_SIZE", "2")], Err("no shard 2 of 2"));
    }
}
