//! What is to be sent and has not been given to the stream yet.

/// A caller waits while so many bytes are waiting already; what one call sends may go beyond it.
pub const MAX_WAITING: usize = 64 * 1024;

/// Messages in their order.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// Where the last message begins, if it only moves the pointer.
    moved: Option<usize>,
}

impl Outbox {
    /// How many bytes wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends messages.
    pub fn push(&mut self, messages: &[u8]) {
        if !messages.is_empty() {
            self.moved = None;
            self.bytes.extend_from_slice(messages);
        }
    }

    /// Appends a message that only moves the pointer. It replaces one that is still waiting as the last.
    pub fn push_move(&mut self, message: &[u8]) {
        if message.is_empty() {
            return;
        }
        let start = self.moved.unwrap_or(self.bytes.len());
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(message);
        self.moved = Some(start);
    }

    /// Takes all of it.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.moved = None;
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_moves_that_nobody_saw_are_left_out() {
        let mut outbox = Outbox::default();
        outbox.push_move(b"1");
        outbox.push_move(b"22");
        outbox.push(b"key");
        outbox.push(b"");
        outbox.push_move(b"3");
        outbox.push_move(b"");
        outbox.push_move(b"4");
        assert_eq!(outbox.take(), b"22key4");
        outbox.push_move(b"5");
        assert_eq!(outbox.take(), b"5");
        outbox.push_move(b"6");
        assert_eq!(outbox.take(), b"6");
    }
}
