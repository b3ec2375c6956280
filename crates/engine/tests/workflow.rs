//! What tests wait for of the workflow of a goal, which Temporal tells of.

use std::time::Duration;

use crate::world::{PATIENCE, World, goal, tenant};

impl World {
    /// Waits until a goal's workflow has ended, which it does a moment after the goal.
    pub(crate) async fn until_closed(&self, name: &str) -> temporal::Workflow {
        self.until_workflow(name, |workflow| !workflow.is_running)
            .await
    }

    /// Waits until a goal's workflow has come to the end of a stretch.
    pub(crate) async fn until_rests(&self, name: &str) {
        self.until_workflow(name, |workflow| workflow.state.contains("\"status\":"))
            .await;
    }

    /// Waits until a goal's workflow is as it should be.
    pub(crate) async fn until_workflow(
        &self,
        name: &str,
        is: impl Fn(&temporal::Workflow) -> bool,
    ) -> temporal::Workflow {
        let cluster = self.cluster.as_ref().unwrap();
        let until = async {
            loop {
                match cluster.workflow(&tenant(), &goal(name)).await {
                    Ok(workflow) if is(&workflow) => return workflow,
                    // Not there yet, or not yet so far.
                    _ => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let until = tokio::time::timeout(PATIENCE, until).await;
        until.unwrap_or_else(|_| panic!("the workflow of {name} does not come so far"))
    }
}
