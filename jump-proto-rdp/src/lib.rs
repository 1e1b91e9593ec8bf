//! Local and Remote RDP: the Remote Desktop Protocol (MS-RDPBCGR), on the IronRDP crates.
