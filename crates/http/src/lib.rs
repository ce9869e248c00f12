//! The faces of Pantry over HTTP. Owns requests and responses; must hold no
//! rule of the drive.

pub mod html;
