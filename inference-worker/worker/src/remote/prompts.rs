//! What an engine is asked to continue when it is checked.

/// Beginnings without an obvious end, so that there is something left to chance.
pub(super) const PROMPTS: [&str; 16] = [
    "In the beginning",
    "And the king said unto the people,",
    "There was a man in the land",
    "The river came down from the mountain and",
    "And it came to pass in those days",
    "They went out of the city by night, and",
    "A wise woman builds her house",
    "And the children of the east gathered",
    "Hear now what the old men told me:",
    "The ship was in the midst of the sea",
    "He took bread and a stone, and",
    "And the angel spoke of",
    "Seven years they served",
    "What is better than gold?",
    "The voice of one who cries",
    "And when the morning came,",
];
