//! Which workspace and which mode the operator means.

use vetd_model::workspace::Workspace;
use vetd_model::{ErrorCode, Mode, Realm, Refusal};

use super::super::Front;
use super::super::query::Params;

/// The workspace and the mode as the operator gave them, not looked up yet.
pub(super) struct Named {
    workspace: Option<String>,
    mode: Option<Mode>,
}

impl Named {
    /// Takes `workspace` (a number or a name) and `mode` from the parameters.
    pub(super) fn take(params: &mut Params) -> Self {
        let mode = params.take("mode", |text| match text {
            "test" => Ok(Mode::Test),
            "live" => Ok(Mode::Live),
            _ => Err("must be test or live".to_owned()),
        });
        Self { workspace: take_workspace(params), mode }
    }

    /// The one realm that is meant: without a name the only workspace, without a mode test mode.
    ///
    /// # Errors
    /// `not_found`; `validation_error` if the workspace must be named.
    pub(super) fn one(&self, front: &Front) -> Result<Realm, Refusal> {
        let workspace = one(front, self.workspace.as_deref())?.id;
        Ok(Realm { workspace, mode: self.mode.unwrap_or(Mode::Test) })
    }

    /// Every realm that can be meant: for what has an identifier of its own.
    ///
    /// # Errors
    /// `not_found` if a workspace is named that does not exist.
    pub(super) fn all(&self, front: &Front) -> Result<Vec<Realm>, Refusal> {
        let workspaces = match self.workspace.as_deref() {
            Some(name) => vec![one(front, Some(name))?],
            None => front.engine.workspaces(),
        };
        let modes = self.mode.map_or_else(|| vec![Mode::Test, Mode::Live], |mode| vec![mode]);
        let realms =
            |workspace: Workspace| modes.clone().into_iter().map(move |mode| Realm { workspace: workspace.id, mode });
        Ok(workspaces.into_iter().flat_map(realms).collect())
    }
}

/// Takes `workspace` from the parameters.
pub(super) fn take_workspace(params: &mut Params) -> Option<String> {
    params.take("workspace", |text| Ok(text.to_owned()))
}

/// The workspace with this number or name; without either the only one.
///
/// # Errors
/// `not_found`; `validation_error` if it is not clear which one is meant.
pub(super) fn one(front: &Front, named: Option<&str>) -> Result<Workspace, Refusal> {
    choose(front.engine.workspaces(), named)
}

fn choose(mut all: Vec<Workspace>, named: Option<&str>) -> Result<Workspace, Refusal> {
    if let Some(named) = named {
        all.retain(|workspace| workspace.id.0.to_string() == named || workspace.name == named);
    }
    match (all.len(), all.pop(), named) {
        (1, Some(workspace), _) => Ok(workspace),
        (_, Some(_), Some(_)) => Err(Refusal::field("workspace", "names several workspaces; give the number of one")),
        (_, Some(_), None) => Err(Refusal::field("workspace", "must name one of the workspaces, there are several")),
        (_, None, Some(_)) => Err(Refusal::new(ErrorCode::NotFound, "There is no workspace with this number or name.")),
        (_, None, None) => Err(Refusal::new(ErrorCode::NotFound, "There is no workspace; make one first.")),
    }
}

#[cfg(test)]
mod tests {
    use vetd_model::{Timestamp, WorkspaceId};

    use super::*;

    fn named(names: &[&str], wanted: Option<&str>) -> Result<u32, ErrorCode> {
        let workspace = |(number, name): (usize, &&str)| Workspace {
            id: WorkspaceId(u32::try_from(number).unwrap() + 1),
            name: (*name).to_owned(),
            created: Timestamp::default(),
            live_activated: false,
            suspended: false,
        };
        let all = names.iter().enumerate().map(workspace).collect();
        choose(all, wanted).map(|workspace| workspace.id.0).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_workspace_is_named_by_number_or_name_or_is_the_only_one() {
        assert_eq!(named(&["acme"], None), Ok(1));
        assert_eq!(named(&["acme", "other"], Some("2")), Ok(2));
        assert_eq!(named(&["acme", "other"], Some("acme")), Ok(1));
        assert_eq!(named(&["acme", "other"], None), Err(ErrorCode::ValidationError));
        assert_eq!(named(&["acme", "acme"], Some("acme")), Err(ErrorCode::ValidationError));
        assert_eq!(named(&["acme", "acme"], Some("2")), Ok(2));
        assert_eq!(named(&["acme"], Some("nobody")), Err(ErrorCode::NotFound));
        assert_eq!(named(&[], None), Err(ErrorCode::NotFound));
    }
}
