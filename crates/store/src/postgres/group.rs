//! Groups: what waits to be written for one tenant, and who writes it.
//!
//! The first request of a tenant starts a task, which writes all that waits in one transaction, then all that came
//! meanwhile, and ends when nothing waits; there is no waiting window.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::id::TenantId;
use tokio::sync::{Semaphore, oneshot};

use super::Postgres;
use crate::append::{AppendError, Appended, Prepared};
use crate::error::{Error, again};

/// Requests of one process that may wait; senders past it wait for room.
const WAITING_MAX: usize = 4_096;
/// Requests in one transaction: past some hundreds a larger group saves nothing and only makes the first wait.
const GROUP_MAX: usize = 256;

/// A request, and who waits for its answer.
struct Request {
    prepared: Prepared,
    answer: oneshot::Sender<Result<Appended, AppendError>>,
}

type Queues = HashMap<TenantId, VecDeque<Request>>;

/// What waits, by tenant; a tenant that is in here has a task that writes for it.
pub(super) struct Groups {
    queues: Arc<Mutex<Queues>>,
    room: Semaphore,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            queues: Arc::default(),
            room: Semaphore::new(WAITING_MAX),
        }
    }
}

fn lock(queues: &Mutex<Queues>) -> MutexGuard<'_, Queues> {
    // The map is whole at every point where a thread could have panicked.
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Postgres {
    pub(crate) async fn append(&self, prepared: Prepared) -> Result<Appended, AppendError> {
        let groups = &self.inner.groups;
        let _room = groups.room.acquire().await.map_err(|_| Error::Closed)?;
        let tenant = prepared.append.tenant.clone();
        let (answer, answered) = oneshot::channel();
        let request = Request { prepared, answer };
        if let Some(first) = enqueue(&groups.queues, &tenant, request) {
            tokio::spawn(self.clone().write_all(tenant, first));
        }
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Writes for a tenant until nothing waits.
    async fn write_all(self, tenant: TenantId, first: Request) {
        // Whoever waits when this task panics is told, and the next request starts another.
        let forget = Forget {
            queues: Arc::clone(&self.inner.groups.queues),
            tenant: tenant.clone(),
        };
        let mut group = vec![first];
        while !group.is_empty() {
            self.write(&tenant, group).await;
            group = take(&self.inner.groups.queues, &tenant);
        }
        drop(forget);
    }

    async fn write(&self, tenant: &TenantId, group: Vec<Request>) {
        let (prepared, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|request| (request.prepared, request.answer))
            .unzip();
        // Whoever asked may have gone; the work is done all the same.
        match self.write_group(tenant, prepared).await {
            Ok(results) => {
                for (answer, result) in answers.into_iter().zip(results) {
                    drop(answer.send(result));
                }
            }
            Err(error) => {
                for answer in answers {
                    drop(answer.send(Err(again(&error).into())));
                }
            }
        }
    }
}

/// Queues a request; gives it back where nobody writes for the tenant yet.
fn enqueue(queues: &Mutex<Queues>, tenant: &TenantId, request: Request) -> Option<Request> {
    match lock(queues).entry(tenant.clone()) {
        Entry::Occupied(mut waiting) => {
            waiting.get_mut().push_back(request);
            None
        }
        Entry::Vacant(none) => {
            none.insert(VecDeque::new());
            Some(request)
        }
    }
}

/// Takes what is written next, at most one request of each goal; where nothing waits the tenant is forgotten.
fn take(queues: &Mutex<Queues>, tenant: &TenantId) -> Vec<Request> {
    let mut queues = lock(queues);
    let Some(waiting) = queues.get_mut(tenant) else {
        return Vec::new();
    };
    let (mut group, mut later) = (Vec::new(), VecDeque::new());
    let mut goals = HashSet::new();
    while group.len() < GROUP_MAX
        && let Some(request) = waiting.pop_front()
    {
        match goals.insert(request.prepared.append.goal.clone()) {
            true => group.push(request),
            false => later.push_back(request),
        }
    }
    later.append(waiting);
    *waiting = later;
    if group.is_empty() {
        queues.remove(tenant);
    }
    group
}

struct Forget {
    queues: Arc<Mutex<Queues>>,
    tenant: TenantId,
}

impl Drop for Forget {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.queues).remove(&self.tenant);
        }
    }
}
