//! The only door to a node: actor and wanted right → root → node, or "no such".
//! Every operation enters here, in its own transaction. Must not change the tree
//! but for making an app's folder when a write needs it.

use pantry_db::{
    Tx,
    books::{self, Books, Standing},
    changes::{self, Change, Event},
    grants, nodes,
    nodes::{Above, Kind, Line, Node},
    users,
};
use pantry_types::{DrivePath, GrantId, Name, NodeId, Scope, UserId, limits, sort::sort_key};

use crate::{
    Error,
    actor::{Actor, Reach, View},
};

/// The folder that holds the apps' folders.
pub const APPS_FOLDER: &str = "我的应用数据";

/// The right that an operation needs at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To see it.
    Read,
    /// To change it.
    Write,
}

/// One operation's transaction, entered: who calls, whose books are open.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Who calls.
    pub actor: &'a Actor,
    /// The person's row; in a write it is locked, and its sums move with the operation.
    pub user: Books,
    /// The app's own folder, 0 if there is none now.
    pub sandbox: NodeId,
    /// Time of the operation.
    pub now: i64,
    app_name: Option<String>,
}

/// A node, with where it lies.
#[derive(Debug, Clone)]
pub struct Place {
    /// The node.
    pub node: Node,
    /// What it lies in, nearest first, up to the root; empty for the root.
    pub above: Vec<Above>,
    /// The app's folder that it is or lies in, 0 for none.
    pub sandbox: NodeId,
}

impl Place {
    /// Full path from the drive's root.
    pub fn path(&self) -> String {
        path_of(&self.node, &self.above)
    }

    /// What lies above that which lies in this folder.
    pub fn above_children(&self) -> Vec<Above> {
        let mut above = Vec::with_capacity(self.above.len() + 1);
        above.push(Above::from(&self.node));
        above.extend_from_slice(&self.above);
        above
    }

    /// Levels below the root; 0 for the root itself.
    pub fn depth(&self) -> usize {
        self.above.len()
    }

    /// Whether this folder is, or lies in, that one.
    pub fn is_within(&self, folder: NodeId) -> bool {
        self.node.id == folder || self.above.iter().any(|n| n.id == folder)
    }
}

impl From<Line> for Place {
    fn from(line: Line) -> Self {
        Self {
            sandbox: line.sandbox(),
            node: line.node,
            above: line.above,
        }
    }
}

/// Full path of a node from the nodes above it, nearest first.
pub fn path_of(node: &Node, above: &[Above]) -> String {
    if above.is_empty() {
        return "/".to_owned();
    }
    let mut out = String::new();
    let folders = above.iter().rev().skip(1).map(|a| a.name.as_str());
    for name in folders.chain([node.name.as_str()]) {
        out.push('/');
        out.push_str(name);
    }
    out
}

/// Enters to read.
pub async fn enter<'a>(tx: &mut Tx<'_>, actor: &'a Actor, now: i64) -> Result<Entry<'a>, Error> {
    let found = books::read(tx, actor.user(), actor.grant()).await?;
    entry(actor, found, now)
}

/// Enters to write: holds the person's row, and refuses a caller whose picture is old.
pub async fn enter_write<'a>(tx: &mut Tx<'_>, actor: &'a Actor, now: i64) -> Result<Entry<'a>, Error> {
    let found = books::lock(tx, actor.user(), actor.grant()).await?;
    let entry = entry(actor, found, now)?;
    // After who calls: the head is told to nobody whose access has ended.
    entry.check_head()?;
    Ok(entry)
}

fn entry(actor: &Actor, found: Found, now: i64) -> Result<Entry<'_>, Error> {
    let (user, sandbox) = admit(found, actor.grant(), actor.epoch(), now).ok_or(Error::Unauthorized)?;
    Ok(Entry {
        actor,
        user,
        sandbox,
        now,
        app_name: None,
    })
}

type Found = Option<(Books, Option<Standing>)>;

/// The books of a person who may come in, and the app's own folder; grant 0 is the person themselves.
fn admit(found: Found, grant: GrantId, epoch: i64, now: i64) -> Option<(Books, NodeId)> {
    let (user, standing) = found.filter(|(user, _)| !user.is_disabled)?;
    if grant.0 == 0 {
        return Some((user, NodeId(0)));
    }
    let standing = standing.filter(|s| s.holds(epoch, now))?;
    Some((user, standing.sandbox))
}

/// The person's books while what was made under this grant and epoch still holds: for uploads and links, which outlive the
/// call that made them.
pub(crate) async fn outlived(
    tx: &mut Tx<'_>,
    user: UserId,
    grant: GrantId,
    epoch: i64,
    now: i64,
) -> Result<Option<Books>, Error> {
    let stands = standing(tx, user, grant, epoch, now).await?;
    Ok(stands.map(|(user, _)| user))
}

/// The same, with the app's own folder: 0 if there is none, or none is asked for.
pub(crate) async fn standing(
    tx: &mut Tx<'_>,
    user: UserId,
    grant: GrantId,
    epoch: i64,
    now: i64,
) -> Result<Option<(Books, NodeId)>, Error> {
    let found = books::read(tx, user, grant).await?;
    Ok(admit(found, grant, epoch, now))
}

impl Entry<'_> {
    /// How far the wanted right reaches.
    pub fn reach(&self, need: Need) -> Reach {
        match need {
            Need::Read => self.actor.read(),
            Need::Write => self.actor.write(),
        }
    }

    /// Refuses who carries a head that is not the latest.
    pub fn check_head(&self) -> Result<(), Error> {
        match self.actor.expected_head() {
            Some(head) if head != self.user.head => Err(Error::StaleHead { head: self.user.head }),
            _ => Ok(()),
        }
    }

    /// Refuses a caller who has this right nowhere.
    pub fn require(&self, need: Need) -> Result<Reach, Error> {
        match (self.reach(need), need) {
            (Reach::None, Need::Read) => Err(Error::Forbidden(
                "the token may not read files; ask for files.app_data or files.read_all".into(),
            )),
            (Reach::None, Need::Write) => Err(Error::Forbidden(
                "the token may not write files; ask for files.app_data or files.write_all".into(),
            )),
            (reach, _) => Ok(reach),
        }
    }

    /// Whether a right reaches a place in this sandbox (0: outside of all).
    pub fn reaches(&self, need: Need, sandbox: NodeId) -> bool {
        match self.reach(need) {
            Reach::None => false,
            Reach::Sandbox => sandbox.0 != 0 && sandbox == self.sandbox,
            Reach::All => true,
        }
    }

    /// The node of an id, if it is in the tree and the right reaches it.
    pub async fn node(&self, tx: &mut Tx<'_>, id: NodeId, need: Need, what: &'static str) -> Result<Place, Error> {
        self.require(need)?;
        let place = self.place(tx, id).await?.ok_or(Error::NotFound(what))?;
        if self.reaches(need, place.sandbox) {
            Ok(place)
        } else {
            Err(Error::NotFound(what))
        }
    }

    /// The node of an id wherever it is in this person's tree, whatever the
    /// caller may: for rules that look further than the caller sees.
    pub async fn place(&self, tx: &mut Tx<'_>, id: NodeId) -> Result<Option<Place>, Error> {
        let line = nodes::lineage(tx, self.user.id, id).await?;
        Ok(line.filter(|l| l.top() == self.user.root_id).map(Place::from))
    }

    /// The folder that `/` is for this caller and right when no path was sent:
    /// the drive where the right reaches all of it, else the app's own folder.
    fn start(&self, need: Need, path_was_sent: bool) -> View {
        match (self.actor.view(), path_was_sent, self.reach(need)) {
            (View::Sandbox, _, _) => View::Sandbox,
            (View::Drive, true, _) | (View::Drive, false, Reach::All) => View::Drive,
            (View::Drive, false, _) => View::Sandbox,
        }
    }

    /// The node at a path as this caller writes it; `None` for the path when
    /// none was sent. `Ok(None)`: there is nothing, and the caller may know.
    pub async fn at_path(
        &mut self,
        tx: &mut Tx<'_>,
        path: Option<&DrivePath>,
        need: Need,
    ) -> Result<Option<Place>, Error> {
        let reach = self.require(need)?;
        let start = match self.start(need, path.is_some()) {
            View::Drive => self.user.root_id,
            View::Sandbox => self.live_sandbox(tx).await?,
        };
        let root = DrivePath::root();
        let names = path.unwrap_or(&root).components();
        let mut at = if start.0 == 0 {
            None
        } else {
            self.place(tx, start).await?
        };
        let mut inside = at.as_ref().is_some_and(|p| self.reaches(need, p.sandbox));
        for name in names {
            let Some(here) = at else { break };
            at = nodes::child(tx, self.user.id, here.node.id, name.as_str())
                .await?
                .map(|node| {
                    let sandbox = if node.sandbox { node.id } else { here.sandbox };
                    let above = here.above_children();
                    Place { node, above, sandbox }
                });
            if let Some(p) = &at {
                inside = self.reaches(need, p.sandbox);
            }
        }
        // An app that sees only its own folder is inside it even before it is made.
        let seen = reach == Reach::All || inside || start.0 == 0;
        if !seen {
            return Err(Error::Forbidden(match need {
                Need::Read => "the token may read only the app's own folder; ask for files.read_all".into(),
                Need::Write => "the token may write only in the app's own folder; ask for files.write_all".into(),
            }));
        }
        Ok(at)
    }

    /// The folder at a path, to write into; makes the app's own folder if that
    /// is where the path leads and it is not there.
    pub async fn folder_for_write(&mut self, tx: &mut Tx<'_>, path: Option<&DrivePath>) -> Result<Place, Error> {
        self.require(Need::Write)?;
        let place = if self.leads_to_sandbox(path) {
            // Only where it is missed: another folder beside it is written into without it.
            let found = self.at_path(tx, path, Need::Write).await;
            if matches!(found, Ok(None) | Err(Error::Forbidden(_))) {
                self.ensure_sandbox(tx).await?;
                self.at_path(tx, path, Need::Write).await
            } else {
                found
            }
        } else {
            self.at_path(tx, path, Need::Write).await
        };
        let place = place?.ok_or(Error::NotFound("folder"))?;
        if place.node.kind != Kind::Folder {
            return Err(Error::NotFound("folder"));
        }
        Ok(place)
    }

    /// Whether a path that is written to may lead to the app's own folder, which is made then.
    pub(crate) fn leads_to_sandbox(&self, path: Option<&DrivePath>) -> bool {
        if self.actor.grant().0 == 0 {
            return false;
        }
        match self.start(Need::Write, path.is_some()) {
            View::Sandbox => true,
            // A path that names the place where the folder would be made.
            View::Drive => path
                .and_then(|p| p.components().first())
                .is_some_and(|n| n.as_str() == APPS_FOLDER),
        }
    }

    /// The app's own folder if it is in the tree, else 0.
    pub(crate) async fn live_sandbox(&mut self, tx: &mut Tx<'_>) -> Result<NodeId, Error> {
        if self.sandbox.0 != 0 && self.place(tx, self.sandbox).await?.is_none() {
            self.sandbox = NodeId(0);
        }
        Ok(self.sandbox)
    }

    /// The app's own folder, made if it is not in the tree.
    pub async fn ensure_sandbox(&mut self, tx: &mut Tx<'_>) -> Result<NodeId, Error> {
        let old = self.sandbox;
        if self.live_sandbox(tx).await?.0 != 0 {
            return Ok(self.sandbox);
        }
        if old.0 != 0 {
            // It lies in the bin with something around it, and will be an ordinary folder.
            nodes::set_sandbox(tx, self.user.id, old, false).await?;
        }
        let apps = self.ensure_apps_folder(tx).await?;
        let wanted = match &self.app_name {
            Some(n) => n.clone(),
            None => pantry_db::apps::name(tx, self.actor.client_id())
                .await?
                .ok_or(Error::Unauthorized)?,
        };
        let wanted = Name::parse(&wanted)?;
        self.app_name = Some(wanted.as_str().to_owned());
        let name = free_name(tx, self.user.id, apps.node.id, &wanted).await?;
        let client = self.actor.client_id().to_owned();
        let made = self.insert_folder(tx, &apps, &name, &client, true).await?;
        grants::set_sandbox(tx, self.user.id, self.actor.grant(), made.node.id).await?;
        self.sandbox = made.node.id;
        Ok(made.node.id)
    }

    async fn ensure_apps_folder(&mut self, tx: &mut Tx<'_>) -> Result<Place, Error> {
        if self.user.apps_id.0 != 0
            && let Some(p) = self.place(tx, self.user.apps_id).await?
        {
            return Ok(p);
        }
        let root = self
            .place(tx, self.user.root_id)
            .await?
            .ok_or_else(|| Error::Internal("a person without a root".into()))?;
        let name = Name::parse(APPS_FOLDER)?;
        let place = match nodes::child(tx, self.user.id, root.node.id, APPS_FOLDER).await? {
            Some(node) if node.kind == Kind::Folder => Place {
                node,
                above: root.above_children(),
                sandbox: NodeId(0),
            },
            Some(_) => {
                return Err(Error::NameTaken {
                    name: APPS_FOLDER.into(),
                });
            }
            None => self.insert_folder(tx, &root, &name, "", false).await?,
        };
        users::set_apps_folder(tx, self.user.id, place.node.id).await?;
        self.user.apps_id = place.node.id;
        Ok(place)
    }

    /// Adds a folder whose name is free, and notes it in the log.
    pub async fn insert_folder(
        &mut self,
        tx: &mut Tx<'_>,
        parent: &Place,
        name: &Name,
        client_id: &str,
        sandbox: bool,
    ) -> Result<Place, Error> {
        let id = NodeId(pantry_db::dialect::next_id(tx).await?);
        let node = Node {
            user: self.user.id,
            id,
            parent: parent.node.id,
            kind: Kind::Folder,
            name: name.as_str().to_owned(),
            sort_key: sort_key(name.as_str()),
            live: true,
            sandbox,
            size: 0,
            md5: pantry_types::Md5([0; 16]),
            sha1: pantry_types::Sha1([0; 20]),
            mime: String::new(),
            version: pantry_types::VersionId(0),
            file_count: 0,
            folder_count: 0,
            client_id: client_id.to_owned(),
            created_at: self.now,
            modified_at: self.now,
        };
        self.insert_node(tx, parent, node, false).await
    }

    /// Adds a node, its place in its folder's counters and in the index, and notes it in the log.
    pub async fn insert_node(
        &mut self,
        tx: &mut Tx<'_>,
        parent: &Place,
        node: Node,
        subtree: bool,
    ) -> Result<Place, Error> {
        let above = parent.above_children();
        let place = Place {
            sandbox: if node.sandbox { node.id } else { parent.sandbox },
            node,
            above,
        };
        check_depth(&place)?;
        if !nodes::insert(tx, &place.node).await? {
            return Err(Error::NameTaken { name: place.node.name });
        }
        count_child(tx, &place.node, parent.node.id, 1, self.now).await?;
        index(tx, &place.node).await?;
        let after = Some((parent.node.id, place.sandbox));
        self.record(tx, Event::Created, &place.node, subtree, None, after)
            .await?;
        Ok(place)
    }

    /// Appends a change: where the node was, and where it is (folder, sandbox).
    pub async fn record(
        &mut self,
        tx: &mut Tx<'_>,
        event: Event,
        node: &Node,
        subtree: bool,
        before: Option<(NodeId, NodeId)>,
        after: Option<(NodeId, NodeId)>,
    ) -> Result<(), Error> {
        self.user.head += 1;
        let none = (NodeId(0), NodeId(0));
        let (parent_before, sandbox_before) = before.unwrap_or(none);
        let (parent_after, sandbox_after) = after.unwrap_or(none);
        let change = Change {
            user: self.user.id,
            seq: self.user.head,
            event,
            kind: node.kind,
            node: node.id,
            subtree,
            parent_before,
            parent_after,
            sandbox_before,
            sandbox_after,
            at: self.now,
        };
        Ok(changes::append(tx, &change).await?)
    }

    /// Writes the person's sums; the last step of every write.
    pub async fn close(self, tx: &mut Tx<'_>) -> Result<i64, Error> {
        let u = &self.user;
        users::set_books(tx, u.id, u.used, u.reserved, u.head).await?;
        Ok(u.head)
    }

    /// Whether the caller's token carries a scope.
    pub fn has(&self, scope: Scope) -> bool {
        self.actor.scopes().contains(scope)
    }
}

/// Refuses a place that is too deep or whose path is too long.
pub fn check_depth(place: &Place) -> Result<(), Error> {
    let bytes: usize = place
        .above
        .iter()
        .rev()
        .skip(1)
        .map(|a| a.name.len() + 1)
        .chain([place.node.name.len() + 1])
        .sum();
    if place.depth() > limits::DEPTH || bytes > limits::PATH_BYTES {
        return Err(Error::TooDeep);
    }
    Ok(())
}

/// Moves a folder's counters by `by` nodes of this node's kind.
pub async fn count_child(tx: &mut Tx<'_>, node: &Node, folder: NodeId, by: i64, now: i64) -> Result<(), Error> {
    let (files, folders) = match node.kind {
        Kind::File => (by, 0),
        Kind::Folder => (0, by),
    };
    Ok(nodes::count(tx, node.user, folder, files, folders, now).await?)
}

/// Adds a node's name to the search index.
pub async fn index(tx: &mut Tx<'_>, node: &Node) -> Result<(), Error> {
    use pantry_types::search::{fold, grams};
    Ok(pantry_db::search::add(tx, node.user, node.id, &grams(&fold(&node.name))).await?)
}

/// The wanted name if it is free in the folder, else `name (1)`, `name (2)`, …
pub async fn free_name(tx: &mut Tx<'_>, user: UserId, folder: NodeId, wanted: &Name) -> Result<Name, Error> {
    if nodes::child(tx, user, folder, wanted.as_str()).await?.is_none() {
        return Ok(wanted.clone());
    }
    // Doubling, then halving: a folder with many copies is not asked for each.
    let mut taken = 0;
    let mut probe = 1;
    loop {
        let name = wanted.numbered(probe);
        if nodes::child(tx, user, folder, name.as_str()).await?.is_none() {
            break;
        }
        taken = probe;
        probe *= 2;
    }
    let (mut low, mut high) = (taken, probe);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let name = wanted.numbered(middle);
        if nodes::child(tx, user, folder, name.as_str()).await?.is_none() {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(wanted.numbered(high))
}
