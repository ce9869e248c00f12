//! The program `pantry` against the real `pantryd`, both as processes: signing in through the pages, transfers that are
//! killed in the middle, and a tour of every command.

mod browser;
mod drive;
mod signing_in;
mod tour;
mod transfers;
