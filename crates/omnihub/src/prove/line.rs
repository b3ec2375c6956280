//! The line to a server that is killed all the time: a call is repeated until somebody answers it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use api::client::{Client, ClientError};
use api::problem::Problem;
use tokio::sync::watch;

/// Pause before a call that nobody answered is made again.
const AGAIN: Duration = Duration::from_millis(10);
/// Pause where the server asks for patience.
const BUSY: Duration = Duration::from_millis(50);

/// The principals of a proof: who submits does not decide.
#[derive(Debug)]
pub(crate) struct Clients {
    /// Who submits and cancels.
    pub(crate) owner: Client,
    /// Who decides approvals and ends doubts.
    pub(crate) operator: Client,
    /// Who reads the evidence.
    pub(crate) auditor: Client,
}

/// The line to whichever server listens now.
#[derive(Debug)]
pub(crate) struct Line {
    clients: watch::Sender<Option<Arc<Clients>>>,
    tokens: [String; 3],
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// What the server answered.
    pub(crate) result: Result<T, Box<Problem>>,
    /// How many calls before it may have been heard and were not answered.
    pub(crate) unanswered: u32,
}

impl Line {
    /// A line for the tokens of owner, operator and auditor; nobody listens yet.
    pub(crate) fn new(tokens: [String; 3]) -> Self {
        Self {
            clients: watch::Sender::new(None),
            tokens,
        }
    }

    /// A server listens at an address from now on.
    ///
    /// # Errors
    /// The address is none.
    pub(crate) fn up(&self, address: &str) -> Result<()> {
        let [owner, operator, auditor] = self
            .tokens
            .each_ref()
            .map(|token| Client::new(address, Some(token)));
        let clients = Clients {
            owner: owner?,
            operator: operator?,
            auditor: auditor?,
        };
        self.clients.send_replace(Some(Arc::new(clients)));
        Ok(())
    }

    /// Nobody listens from now on.
    pub(crate) fn down(&self) {
        self.clients.send_replace(None);
    }

    /// The clients of the server that listens, as soon as one does.
    pub(crate) async fn clients(&self) -> Arc<Clients> {
        let mut watching = self.clients.subscribe();
        loop {
            if let Some(clients) = watching.borrow_and_update().clone() {
                return clients;
            }
            // The sender lives as long as the line.
            drop(watching.changed().await);
        }
    }

    /// Calls until somebody answers. 429 and 503 are asked again; any other refusal is an answer.
    ///
    /// # Errors
    /// The answer is not what the contract says.
    pub(crate) async fn ask<T>(
        &self,
        call: impl AsyncFn(&Clients) -> Result<T, ClientError>,
    ) -> Result<Answer<T>> {
        let mut unanswered = 0;
        loop {
            let clients = self.clients().await;
            match call(&clients).await {
                Ok(value) => {
                    return Ok(Answer {
                        result: Ok(value),
                        unanswered,
                    });
                }
                Err(ClientError::Refused(problem)) if matches!(problem.status, 429 | 503) => {
                    tokio::time::sleep(BUSY).await;
                }
                Err(ClientError::Refused(problem)) => {
                    return Ok(Answer {
                        result: Err(problem),
                        unanswered,
                    });
                }
                Err(ClientError::Unreachable { .. }) => {
                    unanswered += 1;
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error @ (ClientError::Unexpected(_) | ClientError::Address(_))) => bail!(error),
            }
        }
    }
}
