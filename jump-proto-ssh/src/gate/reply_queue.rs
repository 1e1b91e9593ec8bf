//! Which answer belongs to which channel request.

use std::collections::VecDeque;

/// An answer that the rep is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// The target's next answer is for this one.
    FromTarget,
    /// The gate has refused this one.
    Refused,
}

/// The answers of one channel, in the order of its requests: SSH has no other way to match them (RFC 4254 §5.4).
#[derive(Debug, Default)]
pub(super) struct ReplyQueue(VecDeque<Owed>);

impl ReplyQueue {
    /// A request was passed on to the target.
    pub(super) fn forwarded(&mut self) {
        self.0.push_back(Owed::FromTarget);
    }

    /// A request was refused here. Returns how many refusals can be sent now: 1 if nothing is owed before it, else 0.
    pub(super) fn refused(&mut self) -> usize {
        if self.0.is_empty() {
            1
        } else {
            self.0.push_back(Owed::Refused);
            0
        }
    }

    /// The target answered. Returns how many refusals follow its answer; `None` if it answered what was not asked.
    pub(super) fn answered(&mut self) -> Option<usize> {
        // The front is never a refusal: those leave with the answer before them.
        self.0.pop_front()?;
        let mut refusals = 0;
        while self.0.front() == Some(&Owed::Refused) {
            self.0.pop_front();
            refusals += 1;
        }
        Some(refusals)
    }

    /// How many answers of the target are awaited.
    pub(super) fn awaited(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_refusal_waits_for_the_answers_before_it() {
        let mut queue = ReplyQueue::default();
        assert_eq!(queue.refused(), 1);
        queue.forwarded();
        assert_eq!(queue.refused(), 0);
        assert_eq!(queue.refused(), 0);
        queue.forwarded();
        assert_eq!(queue.answered(), Some(2));
        assert_eq!(queue.answered(), Some(0));
        assert_eq!(queue.answered(), None, "an unsolicited answer is not passed on");
    }

    proptest! {
        /// Whatever the interleaving, answers leave in the order of the requests.
        #[test]
        fn answers_keep_the_order_of_requests(steps in prop::collection::vec(0..3u8, 0..200)) {
            let mut queue = ReplyQueue::default();
            let (mut asked, mut sent) = (Vec::new(), Vec::new());
            for step in steps {
                match step {
                    0 => { queue.forwarded(); asked.push('t'); }
                    1 => { asked.push('g'); sent.extend(std::iter::repeat_n('g', queue.refused())); }
                    _ => if let Some(refusals) = queue.answered() {
                        sent.push('t');
                        sent.extend(std::iter::repeat_n('g', refusals));
                    }
                }
            }
            prop_assert_eq!(&sent[..], &asked[..sent.len()]);
        }
    }
}
