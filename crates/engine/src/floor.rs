//! Room for effects: how many of each tool run at once in this process, and who waits for room.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::driver::GoalRef;

/// The room of all tools.
#[derive(Debug, Default)]
pub(crate) struct Floor {
    rooms: Mutex<HashMap<String, Room>>,
    /// Goals that wait for room, all tools together: most of the time there are none, and nobody need look.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Room {
    taken: u32,
    most: u32,
    waiting: VecDeque<GoalRef>,
    waits: HashSet<GoalRef>,
}

impl Floor {
    /// Takes room for one effect of a tool; without room the goal is named by [`Floor::next_in_line`] when there is some.
    pub(crate) fn take(&self, tool: &str, most: u32, goal: &GoalRef) -> bool {
        let mut rooms = self.rooms();
        if !rooms.contains_key(tool) {
            rooms.insert(tool.to_owned(), Room::default());
        }
        let Some(room) = rooms.get_mut(tool) else {
            return false;
        };
        room.most = most.max(1);
        if room.taken < room.most {
            room.taken += 1;
            return true;
        }
        if room.waits.insert(goal.clone()) {
            room.waiting.push_back(goal.clone());
            self.waiting.fetch_add(1, Ordering::SeqCst);
        }
        false
    }

    /// Gives room back.
    pub(crate) fn give_back(&self, tool: &str) {
        if let Some(room) = self.rooms().get_mut(tool) {
            room.taken = room.taken.saturating_sub(1);
        }
    }

    /// Goals that wait for room that is there, first come first: one for each tool. Each is named once; a goal that
    /// does not take the room leaves it to the next call.
    pub(crate) fn next_in_line(&self) -> Vec<GoalRef> {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let mut next = Vec::new();
        for room in self
            .rooms()
            .values_mut()
            .filter(|room| room.taken < room.most)
        {
            if let Some(goal) = room.waiting.pop_front() {
                room.waits.remove(&goal);
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                next.push(goal);
            }
        }
        next
    }

    /// Effects under way, all tools together.
    pub(crate) fn taken(&self) -> u32 {
        self.rooms().values().map(|room| room.taken).sum()
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
