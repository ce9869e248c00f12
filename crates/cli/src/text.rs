//! Every text that a person reads, in both languages: a text without one of them does not compile.
//! Must not hold logic.

use crate::lang::Lang;

macro_rules! texts {
    ($($name:ident: $en:literal, $zh:literal;)*) => {
        /// One text.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Text {
            $(
                /// Its texts stand in the table.
                $name,
            )*
        }

        impl Text {
            /// The text in one language, with `{0}`, `{1}`, … for what is filled in.
            pub fn in_lang(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $(
                        (Self::$name, Lang::En) => $en,
                        (Self::$name, Lang::Zh) => $zh,
                    )*
                }
            }

            /// Every text.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

texts! {
    About: "Your drive at a Pantry server, from the command line", "在命令行使用 Pantry 云盘";
    After: "\
Remote paths are as the app sees them: / is the app's own folder, or the whole drive if you allowed that.
Text and errors are Chinese or English, by LC_ALL, LC_MESSAGES or LANG.

Environment:
  PANTRY_SERVER         Address of the server, when --server is not given to login
  PANTRY_CLIENT_ID      The app, when --client-id is not given to login
  PANTRY_CLIENT_SECRET  The app's secret, if it has one
  PANTRY_TOKEN          An access token to use instead of the sign-in (with PANTRY_SERVER)
  XDG_CONFIG_HOME       The sign-in is kept in its folder pantry (default ~/.config/pantry), readable by you alone

Exit codes:
  0  done                        6  the name is taken
  1  failed otherwise            7  no space left in the drive
  2  wrong use                   8  no answer, or the server failed
  3  sign in first               9  damaged or changed on the way
  4  no such file or folder     10  some of several failed
  5  not allowed", "\
远程路径以应用所见为准:/ 是应用自己的文件夹;若您授权了整个云盘,则为整个云盘。
界面与错误信息按 LC_ALL、LC_MESSAGES 或 LANG 显示中文或英文。

环境变量:
  PANTRY_SERVER         login 未给出 --server 时使用的服务器地址
  PANTRY_CLIENT_ID      login 未给出 --client-id 时使用的应用
  PANTRY_CLIENT_SECRET  应用的密钥(如有)
  PANTRY_TOKEN          代替登录使用的访问令牌(与 PANTRY_SERVER 一起使用)
  XDG_CONFIG_HOME       登录信息保存在其中的 pantry 文件夹(默认 ~/.config/pantry),仅您本人可读

退出码:
  0  完成                    6  名称已被占用
  1  其他失败                7  云盘空间不足
  2  用法错误                8  无响应或服务器故障
  3  需要先登录              9  传输中损坏或发生变化
  4  文件或文件夹不存在     10  多项中有部分失败
  5  没有权限";
    HelpJson: "Print JSON, errors too", "以 JSON 输出(包括错误)";
    HelpLogin: "Sign in: shows an address and a code, and waits for your consent", "登录:显示网址和验证码,等待您授权";
    HelpServer: "Address of the server, such as https://drive.example.com", "服务器地址,例如 https://drive.example.com";
    HelpClientId: "The app's client_id, from the server's console or `pantryd app add --public`", "应用的 client_id,来自服务器控制台或 `pantryd app add --public`";
    HelpScope: "What to ask for, names with spaces between them", "申请的权限,以空格分隔";
    HelpLogout: "Sign out, here and at the server", "退出登录(本机和服务器)";
    HelpWhoami: "Show who is signed in", "显示当前登录者";
    HelpQuota: "Show how much space there is", "显示空间用量";
    HelpLs: "List a folder, or show one file", "列出文件夹或显示单个文件";
    HelpLong: "Show id, size and time (UTC)", "显示编号、大小和时间(UTC)";
    HelpPath: "Path in the drive", "云盘中的路径";
    HelpMkdir: "Make folders", "新建文件夹";
    HelpParents: "Make missing folders above it too; no error if it exists", "同时新建缺少的上级文件夹;已存在时不报错";
    HelpPut: "Send files to the drive; cut off, the same command goes on", "上传文件;中断后再次执行同一命令即可续传";
    HelpLocal: "Local files, then the path in the drive: a folder to put them into, or a new name for one", "本地文件,最后是云盘路径:目标文件夹,或单个文件的新名称";
    HelpPutRecursive: "Send folders with all that is in them; what is there already is not sent again", "上传整个文件夹;已有的内容不再上传";
    HelpConflict: "When the name is taken: overwrite (the old content stays as a version), rename, fail", "名称已占用时:overwrite 覆盖(旧内容保留为历史版本)、rename 改名、fail 报错";
    HelpParallel: "Parts or small files on their way at once", "同时传输的分块或小文件数量";
    HelpGet: "Fetch files from the drive; cut off, the same command goes on", "下载文件;中断后再次执行同一命令即可续传";
    HelpGetLocal: "Local folder, or a new name", "本地文件夹或新名称";
    HelpGetRecursive: "Fetch folders with all that is in them; what is there already is not fetched again", "下载整个文件夹;已有的内容不再下载";
    HelpCat: "Write files to standard output", "将文件内容写到标准输出";
    HelpMv: "Move or rename", "移动或重命名";
    HelpCp: "Copy within the drive; no bytes travel", "在云盘内复制,不传输数据";
    HelpSources: "What, then where to: a folder, or a new name for one", "来源,最后是目标:文件夹,或单个项目的新名称";
    HelpChangeConflict: "When the name is taken: fail, rename, overwrite", "名称已占用时:fail 报错、rename 改名、overwrite 覆盖";
    HelpRm: "Move files and folders to the recycle bin", "将文件和文件夹移到回收站";
    HelpYes: "Do not ask", "不询问";
    HelpFind: "Find files by a part of their name, newest first", "按名称的一部分查找文件,最新的在前";
    HelpFindWhat: "Part of the name; case does not matter", "名称的一部分,不区分大小写";
    HelpExt: "Only this extension, without the dot", "仅此扩展名,不带点";
    HelpLimit: "At most so many, up to 200", "最多显示数量,不超过 200";
    HelpChanges: "Show what changed since a cursor; without one, print a cursor for now", "显示自某个游标以来的变化;未给出游标时输出当前游标";
    HelpFollow: "Go on and show changes as they come; with --json one a line", "持续显示新的变化;与 --json 一起使用时每行一条";
    HelpCursor: "Where to begin: what an earlier run printed", "起点:之前运行时输出的游标";
    HelpBin: "The recycle bin", "回收站";
    HelpBinLs: "List what was deleted, latest first", "列出已删除的内容,最近的在前";
    HelpBinRestore: "Take things out of the bin, by id or by the path they had", "从回收站恢复,按编号或原路径";
    HelpBinTo: "Into this folder instead of where it was", "恢复到此文件夹,而不是原位置";
    HelpBinPurge: "Delete things in the bin for good", "彻底删除回收站中的项目";
    HelpBinEmpty: "Delete all that is in the bin for good", "清空回收站";
    HelpBinWhat: "Id, or the path as `bin ls` shows it", "编号,或 `bin ls` 显示的路径";

    LoginOpen: "Open this address in a browser, on any device:", "请在任意设备的浏览器中打开此网址:";
    LoginCode: "and enter this code:", "并输入此验证码:";
    LoginScan: "or scan:", "或扫描二维码:";
    LoginWait: "Waiting for your consent… (Ctrl-C gives up)", "正在等待您授权…(按 Ctrl-C 放弃)";
    LoginDone: "Signed in as {0}.", "已登录:{0}。";
    LoginDoneUnknown: "Signed in.", "已登录。";
    LoginPlain: "Warning: {0} is not https; whoever is on the way can read your tokens and files.", "警告:{0} 不是 https,网络途中的人可以读取您的令牌和文件。";
    LogoutDone: "Signed out.", "已退出登录。";
    LogoutHere: "Signed out here. The server could not be told: revoke the app on its page /user/apps.", "已在本机退出登录,但未能通知服务器:请在网页 /user/apps 撤销此应用。";
    LogoutNobody: "Nobody was signed in.", "当前没有登录。";
    WhoUser: "user", "用户";
    WhoMail: "mail", "邮箱";
    WhoServer: "server", "服务器";
    WhoApp: "app", "应用";
    WhoScopes: "scopes", "权限";
    QuotaLine: "{0} of {1} used ({2}%), {3} free", "已用 {0} / {1}({2}%),剩余 {3}";
    FoldersMade: "Folders made: {0}", "新建文件夹:{0}";
    Hashing: "reading", "校验";
    PutDone: "{0} -> {1} ({2})", "{0} -> {1}({2})";
    PutInstant: "{0} -> {1} ({2}, the server had the content)", "{0} -> {1}({2},秒传)";
    PutResumed: "{0} -> {1} ({2}, {3} of it was there)", "{0} -> {1}({2},其中 {3} 此前已传输)";
    PutSame: "Files that were there already: {0}", "已存在且相同的文件:{0}";
    PutSkipped: "Skipped, neither file nor folder: {0}", "已跳过(既不是文件也不是文件夹):{0}";
    AskDelete: "Move {0} to the recycle bin?", "将 {0} 移到回收站?";
    AskDeleteMany: "Move {0} things to the recycle bin?", "将 {0} 个项目移到回收站?";
    AskPurge: "Delete {0} things for good? This cannot be undone.", "彻底删除 {0} 个项目?此操作无法撤销。";
    AskEmpty: "Delete all that is in the recycle bin for good ({0} things)? This cannot be undone.", "清空回收站({0} 个项目)?此操作无法撤销。";
    YesNo: " [y/N] ", " [y/N] ";
    NothingDone: "Nothing was done.", "未做任何更改。";
    Deleted: "Moved to the recycle bin: {0}", "已移到回收站:{0}";
    Restored: "Restored: {0}", "已恢复:{0}";
    Purged: "Deleted for good: {0}", "已彻底删除:{0}";
    BinIsEmpty: "The recycle bin is empty.", "回收站是空的。";
    ChangesReset: "Too much has happened since: list everything anew.", "间隔过久,请重新列出全部内容。";
    ChangesCursor: "Go on with: {0}", "后续起点:{0}";
    ChangeCreated: "created", "新增";
    ChangeUpdated: "updated", "更新";
    ChangeRemoved: "removed", "移除";
    MoreHits: "{0} of {1} shown; raise --limit or be more precise.", "显示 {0} / {1};可提高 --limit 或使用更精确的关键词。";
    ColumnUntil: "until {0}", "保留至 {0}";

    ErrNoSession: "Not signed in; run `pantry login`", "尚未登录,请运行 `pantry login`";
    ErrSignInEnded: "Not signed in, or the sign-in has ended or was revoked; run `pantry login`", "尚未登录,或登录已过期、已被撤销,请运行 `pantry login`";
    ErrNoServer: "Which server? Give --server URL or set PANTRY_SERVER", "未指定服务器:请给出 --server URL 或设置 PANTRY_SERVER";
    ErrNoClientId: "Which app? Give --client-id ID or set PANTRY_CLIENT_ID; the server's operator makes one with `pantryd app add --public`", "未指定应用:请给出 --client-id ID 或设置 PANTRY_CLIENT_ID;服务器管理员可用 `pantryd app add --public` 创建";
    ErrNoHome: "There is no place for the sign-in; set HOME or XDG_CONFIG_HOME", "没有保存登录信息的位置,请设置 HOME 或 XDG_CONFIG_HOME";
    ErrDenied: "The request was denied in the browser", "授权请求在浏览器中被拒绝";
    ErrDeviceExpired: "The code has expired; run `pantry login` again", "验证码已过期,请重新运行 `pantry login`";
    ErrClient: "The server does not accept the app: {0}; check --client-id", "服务器不接受此应用:{0};请检查 --client-id";
    ErrScope: "The app may not ask for these scopes: {0}; check --scope", "此应用不能申请这些权限:{0};请检查 --scope";
    ErrOAuth: "Signing in failed: {0}", "登录失败:{0}";
    ErrConnection: "No answer from the server: {0}; check the address and the network, then try again", "服务器无响应:{0};请检查地址和网络后重试";
    ErrAnswer: "The server's answer was not understood: {0}; is it a Pantry server?", "无法理解服务器的响应:{0};对方是 Pantry 服务器吗?";
    ErrAddress: "{0} is no address of a server: {1}", "{0} 不是有效的服务器地址:{1}";
    ErrLocal: "{0}: {1}", "{0}:{1}";
    ErrLocalChanged: "{0} changed while it was being sent; try again", "{0} 在上传过程中发生变化,请重试";
    ErrRemoteChanged: "{0} changed on the server while it was being fetched; try again", "{0} 在下载过程中于服务器端发生变化,请重试";
    ErrDamaged: "{0} arrived damaged twice (MD5 {1} instead of {2}); try again, and tell the server's operator", "{0} 两次传输均损坏(MD5 为 {1},应为 {2});请重试并告知服务器管理员";
    ErrJob: "The server gave the work up: {0}", "服务器放弃了此任务:{0}";
    ErrStore: "The sign-in cannot be kept or read: {0}; check {1}", "无法保存或读取登录信息:{0};请检查 {1}";
    ErrNotFound: "There is no such file or folder: {0}", "文件或文件夹不存在:{0}";
    ErrNoFolder: "There is no such folder: {0}; `pantry mkdir -p` makes it", "文件夹不存在:{0};可用 `pantry mkdir -p` 新建";
    ErrForbidden: "Not allowed: {0}", "没有权限:{0}";
    ErrScopeMissing: "Not allowed: {0}; sign in again with `pantry login --scope …`", "没有权限:{0};请用 `pantry login --scope …` 重新登录";
    ErrTaken: "{0} is taken; choose another name, or see --on-conflict", "{0} 已被占用;请换一个名称,或使用 --on-conflict";
    ErrQuota: "No space left: {0}", "空间不足:{0}";
    ErrTooMany: "The server asks for a pause (too many requests); try again later", "请求过于频繁,请稍后再试";
    ErrServer: "The server failed: {0}; try again later", "服务器故障:{0};请稍后再试";
    ErrRefused: "The server refused: {0}", "服务器拒绝了请求:{0}";
    ErrRequest: " (request {0})", "(请求编号 {0})";
    ErrIsFolder: "{0} is a folder; add -r", "{0} 是文件夹,请加上 -r";
    ErrIsRoot: "{0} is the top of the drive, which stays where it is", "{0} 是云盘的顶层,不能更改";
    ErrNotFolder: "{0} is a file, and must be a folder here", "{0} 是文件,此处需要文件夹";
    ErrUnsafeName: "The server has a file named {0}, which cannot be made here", "服务器上的文件名 {0} 无法在本机创建";
    ErrLocalName: "{0} has no name in UTF-8; rename it", "{0} 的名称不是 UTF-8,请重命名";
    ErrPartly: "{0} of {1} failed", "{1} 项中有 {0} 项失败";
    ErrAsk: "There is nobody to ask; add -y", "无法询问(没有终端),请加上 -y";
    ErrNotInBin: "Not in the recycle bin: {0}; `pantry bin ls` shows what is", "回收站中没有:{0};可用 `pantry bin ls` 查看";
    ErrOutput: "The output cannot be written: {0}", "无法写出结果:{0}";
}

#[cfg(test)]
mod tests {
    //! Both languages say the same things.
    use super::*;

    fn places(text: &str) -> Vec<&str> {
        let mut found: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|part| part.split('}').next())
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn every_text_fills_in_the_same_in_both_languages() {
        for text in Text::ALL {
            let (en, zh) = (text.in_lang(Lang::En), text.in_lang(Lang::Zh));
            assert_eq!(places(en), places(zh), "{text:?}");
            assert!(!en.trim().is_empty() && !zh.trim().is_empty(), "{text:?}");
            assert!(en.is_ascii() || en.contains('…'), "{text:?}");
            let chinese = zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(
                chinese || matches!(text, Text::ErrLocal | Text::YesNo | Text::PutDone),
                "{text:?}"
            );
        }
    }
}
