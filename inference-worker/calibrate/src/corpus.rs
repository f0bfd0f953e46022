//! Prompts: what people send, what proof of compute draws, and what someone who wants to see an honest host fail
//! might try.

use crate::dice::Dice;
use anyhow::Context;
use quern_engine::chat::{ChatTemplate, Message};
use quern_engine::tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Which prompts a leaf may take; thresholds are chosen on one and tested on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Sets thresholds.
    Calibration,
    /// Tests them.
    HeldOut,
}

/// Kinds of prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A user's message in the chat template.
    Chat,
    /// A chat of three messages.
    Turns,
    /// Plain text, cut anywhere.
    Plain,
    /// Random token ids, as in proof of compute; no token ends the output.
    Proof,
    /// A short piece over and over, on which attention has many equals.
    Repetition,
    /// Characters that the model never saw, down to single bytes.
    RareBytes,
    /// No text at all.
    Empty,
    /// Chosen so that two tokens are nearly level at the first position.
    NearTie,
}

/// Every kind with its part of the mix in percent.
pub const MIX: [(Kind, usize); 8] = [
    (Kind::Chat, 35),
    (Kind::Turns, 5),
    (Kind::Plain, 16),
    (Kind::Proof, 20),
    (Kind::Repetition, 10),
    (Kind::RareBytes, 6),
    (Kind::Empty, 2),
    (Kind::NearTie, 6),
];

/// Longest prompt, in tokens.
pub const LONGEST: usize = 96;

/// A model's text side and its prompts.
#[derive(Debug)]
pub struct Corpus {
    /// Tokenizer.
    pub tokenizer: Tokenizer,
    chat: ChatTemplate,
    calibration: Vec<String>,
    held_out: Vec<String>,
}

impl Corpus {
    /// Reads a model folder, and `calibration.jsonl` and `holdout.jsonl` of a folder of prompts.
    pub fn load(model: &Path, prompts: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            tokenizer: Tokenizer::load(model)?,
            chat: ChatTemplate::load(model)?,
            calibration: read(&prompts.join("calibration.jsonl"))?,
            held_out: read(&prompts.join("holdout.jsonl"))?,
        })
    }

    /// How many ids there are to draw from.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.tokens().last().map_or(0, |id| id as usize + 1)
    }

    /// A prompt of a kind: 1 to [`LONGEST`] tokens.
    pub fn prompt(&self, split: Split, kind: Kind, dice: &mut Dice) -> anyhow::Result<Vec<u32>> {
        let texts = match split {
            Split::Calibration => &self.calibration,
            Split::HeldOut => &self.held_out,
        };
        let mut text = || texts.get(dice.below(texts.len())).map_or("", String::as_str);
        let mut ids = match kind {
            Kind::Chat => self.chat(&[text()])?,
            Kind::Turns => self.chat(&[text(), text(), text()])?,
            Kind::Plain => {
                let text = text();
                let ids = self.tokenizer.encode(text, true)?;
                let cut = dice.between(1, ids.len());
                ids[..cut].to_vec()
            }
            // A near tie is looked for along a text or along random ids.
            Kind::NearTie if dice.below(2) == 0 => {
                let all: Vec<&str> = (0..4)
                    .map(|_| texts.get(dice.below(texts.len())).map_or("", String::as_str))
                    .collect();
                self.tokenizer.encode(&all.join(" "), true)?
            }
            Kind::NearTie => self.random(LONGEST, dice),
            Kind::Proof => {
                let length = dice.pick(&[(16, 4), (32, 4), (64, 2)], 16);
                self.random(length, dice)
            }
            Kind::Repetition => {
                let length = dice.between(1, 6);
                let piece = self.random(length, dice);
                piece.repeat(dice.between(4, LONGEST / piece.len()))
            }
            Kind::RareBytes => self.chat(&[&strange(dice)])?,
            Kind::Empty if dice.below(2) == 0 => self.chat(&[""])?,
            Kind::Empty => self.tokenizer.encode("", true)?,
        };
        if ids.is_empty() {
            ids.push(0);
        }
        ids.truncate(LONGEST);
        Ok(ids)
    }

    fn chat(&self, texts: &[&str]) -> anyhow::Result<Vec<u32>> {
        let roles = ["user", "assistant"].into_iter().cycle();
        let message = |(role, text): (&str, &&str)| Message {
            role: role.to_owned(),
            content: (*text).to_owned(),
        };
        let messages: Vec<Message> = roles.zip(texts).map(message).collect();
        Ok(self.tokenizer.encode(&self.chat.render(&messages)?, false)?)
    }

    fn random(&self, count: usize, dice: &mut Dice) -> Vec<u32> {
        let ids = self.vocabulary();
        (0..count).map(|_| dice.below(ids) as u32).collect()
    }
}

/// Characters from all over Unicode, control characters included.
fn strange(dice: &mut Dice) -> String {
    let bounds = [0x20, 0x100, 0x800, 0x1_0000, 0x11_0000];
    let length = dice.between(1, 24);
    let character = |dice: &mut Dice| {
        let below = bounds[dice.below(bounds.len())];
        char::from_u32(dice.below(below) as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    (0..length).map(|_| character(dice)).collect()
}

#[derive(Deserialize)]
struct Line {
    prompt: String,
}

fn read(path: &Path) -> anyhow::Result<Vec<String>> {
    let what = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(what)?;
    let line = |line: &str| Ok(serde_json::from_str::<Line>(line).with_context(what)?.prompt);
    text.lines().map(line).collect()
}
