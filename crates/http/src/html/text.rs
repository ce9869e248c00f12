//! Every word of the pages, in every language. Owns the sentences and nothing
//! else. A row without one of the languages does not compile.

use super::format;
use super::lang::Lang;

/// Makes the enum of fixed sentences.
macro_rules! messages {
    ($($name:ident => zh $zh:literal, en $en:literal;)+) => {
        /// A fixed sentence of a page.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Msg { $($name,)+ }

        impl Msg {
            #[cfg(test)]
            pub(super) const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The sentence in a language.
            pub(super) const fn text(self, lang: Lang) -> &'static str {
                match (self, lang) {
                    $((Self::$name, Lang::Zh) => $zh, (Self::$name, Lang::En) => $en,)+
                }
            }
        }
    };
}

/// Makes one function per sentence that names something.
macro_rules! phrases {
    ($($name:ident($($arg:ident: $type:ty),+) => zh $zh:literal, en $en:literal;)+) => {
        $(pub(super) fn $name(lang: Lang, $($arg: $type),+) -> String {
            match lang {
                Lang::Zh => format!($zh),
                Lang::En => format!($en),
            }
        })+
    };
}

messages! {
    // The shell.
    SkipToContent => zh "跳到正文", en "Skip to content";
    Language => zh "语言", en "Language";
    SignOut => zh "退出登录", en "Sign out";
    SignIn => zh "登录", en "Sign in";
    ErrorPrefix => zh "出错了：", en "Error: ";
    BackHome => zh "回到首页", en "Back to the start page";
    FormExpired => zh "这个页面放得太久，已经失效，什么都没有改动。请再提交一次。",
        en "This page had been open too long and expired; nothing was changed. Please submit it again.";

    // Signing in.
    LoginTitle => zh "登录", en "Sign in";
    LoginAccount => zh "用户名或邮箱", en "User name or email";
    LoginPassword => zh "密码", en "Password";
    LoginWrong => zh "用户名或密码不对。请检查后再试一次。",
        en "That user name and password do not match. Check both and try again.";
    LoginHelp => zh "忘了密码？请联系这台服务器的管理员。",
        en "Forgot your password? Ask the administrator of this server.";
    SignedOutTitle => zh "已退出登录", en "You are signed out";
    SignedOutBody => zh "这个浏览器不再保有你的登录状态。已授权的应用和设备不受影响。",
        en "This browser is no longer signed in. Apps and devices you connected keep working.";
    SignInAgain => zh "重新登录", en "Sign in again";

    // Setting up.
    SetupTitle => zh "创建管理员", en "Create the administrator";
    SetupLead => zh "这是这台服务器的第一个账号。它能添加用户，也能审核应用。",
        en "This is the first account on this server. It can add people and review apps.";
    SetupName => zh "用户名", en "User name";
    SetupNameHint => zh "登录时使用，别人也会看到。", en "For signing in; others can see it.";
    SetupEmail => zh "邮箱", en "Email";
    SetupPassword => zh "密码", en "Password";
    SetupAgain => zh "再输入一次密码", en "Password, once more";
    SetupSubmit => zh "创建账号并登录", en "Create account and sign in";
    SetupNameMissing => zh "请填写用户名。", en "Enter a user name.";
    SetupNameIllegal => zh "这个用户名不能用。请用字母、数字、点、横线或下划线。",
        en "That user name cannot be used. Use letters, digits, dots, dashes or underscores.";
    SetupNameTaken => zh "这个用户名已经有人用了。请换一个。",
        en "That user name is taken. Choose another one.";
    SetupEmailIllegal => zh "这不像一个邮箱地址。请检查。",
        en "That does not look like an email address. Please check it.";
    SetupEmailTaken => zh "这个邮箱已经属于另一个账号。请换一个。",
        en "That email address belongs to another account. Use another one.";
    SetupPasswordsDiffer => zh "两次输入的密码不一样。请重新输入。",
        en "The two passwords differ. Enter them again.";
    SetupInvalidTitle => zh "这个设置链接无效", en "This set-up link is not valid";
    SetupInvalidBody => zh "链接不完整、已过期，或者属于另一台服务器。",
        en "The link is incomplete, has expired, or belongs to another server.";
    SetupInvalidNext => zh "请打开服务器启动时最后打印的那个链接，或者在服务器上运行：",
        en "Open the link that the server printed when it last started, or run this on the server:";
    SetupUsedTitle => zh "已经设置好了", en "This server is already set up";
    SetupUsedBody => zh "设置链接只能用一次，管理员账号已经有了。",
        en "A set-up link works once, and there is an administrator by now.";

    // The page of a share.
    ShareDownload => zh "下载", en "Download";
    SharePreview => zh "在新窗口中预览", en "Preview in a new window";
    SharePasswordTitle => zh "需要密码", en "A password is needed";
    SharePasswordLead => zh "这个分享加了密码，请向分享的人索取。", en "This share is protected. Ask whoever sent you the address.";
    SharePassword => zh "分享密码", en "Password of the share";
    ShareOpen => zh "打开", en "Open";
    ShareWrong => zh "密码不对。请检查后再试一次。", en "That is not the password. Check it and try again.";
    ShareUp => zh "上一级", en "Up";
    ShareMore => zh "下一页", en "Next page";
    ShareEmpty => zh "这个文件夹是空的。", en "This folder is empty.";
    ShareAll => zh "全部下载", en "Download all";
    DropLead => zh "你可以把文件放进来，但看不到里面有什么。", en "You can put files in here. You cannot see what is inside.";
    DropFile => zh "要发送的文件", en "File to send";
    DropSend => zh "发送", en "Send";
    DropThanks => zh "收到了。还可以继续发送。", en "Received. You can send another.";
    DropNone => zh "没有选择文件。", en "No file was chosen.";
    DropTooLarge => zh "文件太大，什么都没有收下。", en "That file is too large; nothing was taken.";
    DropFull => zh "现在放不下了。请联系分享的人。", en "There is no room for it now. Ask whoever sent you the address.";
    DropBadName => zh "不能用这个文件名。请改名后再试。", en "The file cannot have that name. Rename it and try again.";
    ShareClosedTitle => zh "这个分享打不开", en "This share cannot be opened";
    ShareNotFound => zh "没有这个分享，或者分享的文件已经不在了。",
        en "There is no such share, or the shared file is gone.";
    ShareCancelled => zh "分享的人已经取消了分享。", en "Its owner has ended this share.";
    ShareExpired => zh "分享已经过期。", en "This share has expired.";
    ShareUsedUp => zh "下载次数已经用完。", en "This share has been downloaded as often as its owner allowed.";
    ShareTrashed => zh "分享的文件在回收站里。", en "The shared file is in its owner's recycle bin.";
    ShareClosedNext => zh "请检查链接，或者联系给你链接的人。",
        en "Check the link, or ask whoever gave it to you.";

    // The start page.
    HomeTagline => zh "放在自己服务器上的网盘", en "A cloud drive on your own server";
    HomeLead => zh "文件放在你信得过的机器上。每个应用只有自己的一个文件夹，除非你允许更多。",
        en "Your files stay on a machine you trust. Every app gets one folder of its own, and nothing more unless you say so.";
    HomePointSandbox => zh "应用各用各的文件夹，看不到你的其他文件。",
        en "Each app keeps to its own folder and cannot see your other files.";
    HomePointDevices => zh "电视、命令行和脚本用一个短代码就能连上。",
        en "TVs, command lines and scripts connect with a short code.";
    HomePointOpen => zh "接口公开，开源，数据随时带得走。",
        en "Open interfaces, open source, and your data is yours to take away.";
    HomeSpace => zh "存储空间", en "Storage";
    HomeUsed => zh "已用", en "Used";
    HomeFree => zh "可用", en "Free";
    HomeTotal => zh "总共", en "Total";
    HomeUnlimited => zh "不限", en "Unlimited";
    HomeAlmostFull => zh "空间快用完了。删除文件并清空回收站，或者请管理员增加容量。",
        en "You are almost out of space. Delete files and empty the bin, or ask the administrator for more.";
    HomeNext => zh "接下来", en "What to do next";
    HomeDeviceTitle => zh "连接设备", en "Connect a device";
    HomeDeviceBody => zh "如果电视或命令行上显示了代码，请在这里输入。",
        en "If your TV or command line shows a code, enter it here.";
    HomeDeviceAction => zh "输入代码", en "Enter a code";
    HomeAppTitle => zh "创建应用", en "Create an app";
    HomeAppBody => zh "在运行 Pantry 的机器上执行下面的命令，得到 client_id 和 client_secret：",
        en "Run this on the machine that runs Pantry, to get a client_id and a client_secret:";
    HomeAppAsk => zh "要接入自己的应用，请管理员在服务器上执行：",
        en "To connect an app of your own, ask the administrator to run this on the server:";
    HomeAppPlaceholder => zh "我的应用", en "My App";

    HomeAppsTitle => zh "有权限的应用", en "Apps with access";
    HomeAppsBody => zh "看看你允许过哪些应用，随时可以收回。", en "See which apps you allowed, and take it back at any time.";
    HomeAppsAction => zh "查看应用", en "See apps";

    // Apps with access.
    AppsTitle => zh "有权限的应用", en "Apps with access";
    AppsLead => zh "你允许过的应用和设备。收回权限后，它们马上就不能再访问你的网盘。",
        en "Apps and devices that you allowed. Take access back, and they are locked out at once.";
    AppsNone => zh "还没有应用能访问你的网盘。", en "No app has access to your drive.";
    AppsNoneHint => zh "你允许应用或连接设备之后，会显示在这里。",
        en "When you allow an app or connect a device, it shows up here.";
    AppsEnded => zh "权限已收回。应用留在你网盘里的文件还在。",
        en "Access was taken back. Files that the app put into your drive are still there.";
    AppsEndedWithShares => zh "权限已收回，它创建的分享也已取消。应用留在你网盘里的文件还在。",
        en "Access was taken back and what was shared is cancelled. Files that the app put into your drive are still there.";
    AppsShares => zh "分享", en "Shares";
    AppsEndAllShares => zh "同时取消这些应用创建的所有分享", en "Also cancel everything that these apps shared";
    AppsSuspended => zh "管理员已停用这个应用，它暂时什么也做不了。",
        en "The administrator suspended this app; for now it can do nothing.";
    AppsWholeDrive => zh "用你的密码登录过，可以读写整个网盘", en "You signed in to it with your password: it reads and writes your whole drive";
    AppsFolder => zh "文件夹", en "Folder";
    AppsGiven => zh "允许于", en "Allowed";
    AppsUsed => zh "最近使用", en "Last used";
    AppsNeverUsed => zh "还没有用过", en "not yet";
    AppsEnds => zh "到期", en "Ends";
    AppsEnd => zh "收回权限", en "Take access back";
    AppsMore => zh "下一页", en "Next page";
    AppsAllTitle => zh "收回所有应用的权限", en "Take access back from all apps";
    AppsAllHint => zh "所有应用和设备都要重新得到你的允许。", en "Every app and device will have to ask you again.";
    AppsEndAll => zh "全部收回", en "Take all access back";

    // A new password by a link.
    PasswordLead => zh "设置之后，这个账号在别处的登录会全部退出。",
        en "When it is set, this account is signed out everywhere else.";
    PasswordNew => zh "新密码", en "New password";
    PasswordSubmit => zh "设置密码并登录", en "Set password and sign in";
    PasswordTooLong => zh "密码太长，最多 1024 个字节。", en "That password is too long. Use at most 1,024 bytes.";
    PasswordClosedTitle => zh "这个链接不能用了", en "This link does not work";
    PasswordClosedBody => zh "它已经用过、已过期，或者被新的链接取代了。",
        en "It was used, has expired, or was replaced by a later one.";

    // Consent.
    ConsentOwner => zh "开发者", en "Made by";
    ConsentSite => zh "网站", en "Website";
    ConsentReturn => zh "完成后前往", en "Then goes to";
    ConsentReturnHere => zh "这台电脑上的程序", en "a program on this computer";
    ConsentNoSite => zh "没有填写", en "none given";
    ConsentAccount => zh "当前账号", en "Signed in as";
    ConsentSwitch => zh "不是你？换个账号", en "Not you? Switch account";
    ConsentIncluded => zh "允许后，它可以", en "If you allow this, it can";
    ConsentSensitive => zh "它还想要更多权限", en "It also asks for more";
    ConsentSensitiveHint => zh "只有你勾选的才会给它。不勾选也可以继续。",
        en "It gets only what you tick. You can go on without ticking any.";
    ConsentSensitiveOnly => zh "它想要这些权限", en "It asks for this";
    ConsentSensitiveOnlyHint => zh "只有你勾选的才会给它。", en "It gets only what you tick.";
    ConsentAllow => zh "允许", en "Allow";
    ConsentDeny => zh "拒绝", en "Deny";
    TermTitle => zh "允许多久", en "For how long";
    TermUntilRevoked => zh "直到我取消授权", en "Until I revoke it";
    TermMonth => zh "30 天", en "30 days";
    TermHour => zh "1 小时", en "One hour";
    TermHint => zh "到时间后，它的访问权限会自动收回。你也可以随时提前取消。",
        en "When the time is up, its access ends by itself. You can also revoke it earlier at any time.";
    ConsentNothing => zh "请至少勾选一项权限，或者选择拒绝。",
        en "Tick at least one permission, or choose Deny.";

    // Scopes.
    ScopeUserRead => zh "查看你的用户名、昵称、打码后的邮箱和存储用量",
        en "See your user name, display name, masked email and how much storage you use";
    ScopeAppData => zh "在它自己的文件夹里读写文件", en "Read and write files in a folder of its own";
    ScopeAppDataOnly => zh "看不到你的其他文件。", en "It cannot see your other files.";
    ScopeAppDataMore => zh "除此之外，只有你在下面勾选的才会给它。",
        en "Beyond this folder it reaches only what you tick below.";
    ScopeOpenId => zh "用一个固定的编号认出你", en "Recognise you by a fixed number";
    ScopeProfile => zh "查看你的昵称和头像", en "See your display name and picture";
    ScopeEmail => zh "查看你的邮箱地址", en "See your email address";
    ScopeReadAll => zh "读取你网盘里的所有文件", en "Read every file in your drive";
    ScopeReadAllWarn => zh "包括它自己文件夹以外的一切，也包括你以后放进来的文件。",
        en "Everything outside its own folder too, and whatever you add later.";
    ScopeWriteAll => zh "写入、移动和删除你网盘里的任何文件",
        en "Write, move and delete any file in your drive";
    ScopeWriteAllWarn => zh "它可以改动或删掉你存放的一切。请只给你完全信任的应用。",
        en "It could change or delete everything you keep here. Allow it only to an app you fully trust.";
    ScopeShareRead => zh "查看你的所有分享", en "See all your shares";
    ScopeShareReadWarn => zh "它会知道每个分享链接，拿到链接的人往往就能打开里面的内容。",
        en "It learns every share link, and often a link is all it takes to open what is shared.";
    ScopeShareCreate => zh "以你的名义创建和管理分享", en "Create and manage shares in your name";
    ScopeShareCreateWarn => zh "它可以把读得到的文件变成任何人都能打开的链接。",
        en "It can turn any file it can read into a link that anyone can open.";

    // Devices.
    DeviceTitle => zh "连接设备", en "Connect a device";
    DeviceLead => zh "输入电视、命令行或其他设备上显示的代码。",
        en "Enter the code shown on your TV, command line or other device.";
    DeviceCode => zh "设备代码", en "Device code";
    DeviceCodeHint => zh "例如 8KXH-Y8R，大小写和横线都不要紧。",
        en "Such as 8KXH-Y8R. Upper or lower case, with or without the dash.";
    DeviceSubmit => zh "继续", en "Continue";
    DeviceUnknown => zh "没有这个代码，或者它已经过期。请核对设备上的代码，过期了就在设备上重新开始。",
        en "There is no such code, or it has expired. Check it against the device; if it expired, start again there.";
    DeviceMalformed => zh "代码由七个字母和数字组成。请照设备上显示的重新输入。",
        en "A code has seven letters and digits. Enter it again as the device shows it.";
    DeviceTaken => zh "这个代码已经用过了。请在设备上重新开始，换一个新代码。",
        en "This code has been used already. Start again on the device to get a new one.";
    DeviceQuestion => zh "显示这个代码的屏幕，就在你面前吗？",
        en "Is the screen that shows this code in front of you?";
    DeviceWarning => zh "如果代码或链接是别人发给你的，请选择拒绝，否则对方就能访问你的网盘。",
        en "If someone sent you this code or a link to it, choose Deny, or that person gets into your drive.";
    DeviceFrom => zh "请求来自", en "Asked from";
    DeviceAgent => zh "设备", en "Device";
    DeviceAgentUnknown => zh "未知", en "unknown";
    DeviceWhen => zh "时间", en "When";
    DeviceApprove => zh "是我，允许", en "Yes, allow";
    DeviceApprovedTitle => zh "设备已连接", en "Device connected";
    DeviceApprovedBody => zh "请回到设备上继续，它会在几秒内自动往下走。这个页面可以关掉了。",
        en "Go back to the device; it continues by itself within seconds. You can close this page.";
    DeviceDeniedTitle => zh "已拒绝", en "Access denied";
    DeviceDeniedBody => zh "这台设备没有得到任何权限。如果不是你发起的，不用再做什么。",
        en "The device got no access at all. If you had not asked for this, there is nothing more to do.";
    DeviceAnother => zh "连接另一台设备", en "Connect another device";

    // Errors.
    ErrDetail => zh "具体内容", en "Details";
    ErrRequest => zh "请求编号", en "Request ID";
    ErrClientTitle => zh "不认识这个应用", en "Unknown app";
    ErrClientBody => zh "链接里的 client_id 在这台服务器上没有登记，或者已被停用。",
        en "The client_id in the link is not registered on this server, or was switched off.";
    ErrClientNext => zh "请回到应用再试一次。还是不行的话，把这个页面发给应用的开发者。",
        en "Go back to the app and try again. If that does not help, show this page to the app's developer.";
    ErrRedirectTitle => zh "这个应用的返回地址不对", en "The app's return address is wrong";
    ErrRedirectBody => zh "链接里的 redirect_uri 和应用登记的地址不完全一致。为了你的安全，没有跳转过去。",
        en "The redirect_uri in the link is not exactly one that the app registered. To keep you safe, you were not sent there.";
    ErrRedirectNext => zh "如果你是开发者：请登记这个地址，或者改用已登记的地址。否则请联系应用的开发者。",
        en "If you are the developer, register this address or use a registered one. Otherwise tell the app's developer.";
    ErrRequestTitle => zh "这个请求有问题", en "This request is not right";
    ErrRequestBody => zh "链接或表单里缺了什么，或者写错了什么，所以没有继续。",
        en "Something in the link or form is missing or malformed, so nothing was done.";
    ErrRequestNext => zh "请从头再来一次。如果是应用把你带到这里的，请告诉它的开发者。",
        en "Start again from the beginning. If an app sent you here, tell its developer.";
    ErrExpiredTitle => zh "页面已失效", en "This page has expired";
    ErrExpiredBody => zh "这个表单放得太久，或者登录状态变了。什么都没有改动。",
        en "The form had been open too long, or you signed in or out meanwhile. Nothing was changed.";
    ErrExpiredNext => zh "请返回上一页，刷新后再试。", en "Go back, reload the page and try again.";
    ErrForbiddenTitle => zh "没有权限", en "Not allowed";
    ErrForbiddenBody => zh "当前账号不能打开这个页面。", en "The account you are signed in with may not open this page.";
    ErrForbiddenNext => zh "请换一个账号登录，或者联系管理员。",
        en "Sign in with another account, or ask the administrator.";
    ErrNotFoundTitle => zh "没有这个页面", en "There is no such page";
    ErrNotFoundBody => zh "地址可能抄错了，或者页面已经不在了。",
        en "The address may be mistyped, or the page is gone.";
    ErrNotFoundNext => zh "请检查地址，或者从首页重新开始。", en "Check the address, or begin at the start page.";
    ErrMethodTitle => zh "不能这样打开", en "It cannot be opened this way";
    ErrMethodBody => zh "这个地址不接受这种请求。", en "This address does not take this kind of request.";
    ErrMethodNext => zh "请从首页重新开始。", en "Begin at the start page.";
    ErrTooManyTitle => zh "尝试次数太多", en "Too many attempts";
    ErrTooManyBody => zh "为了保护账号，暂时不再接受新的尝试。",
        en "To protect accounts, no more attempts are taken for now.";
    ErrInternalTitle => zh "服务器出错了", en "Something went wrong on the server";
    ErrInternalBody => zh "这不是你的问题，错误已经记录下来。", en "It is not your fault, and it has been logged.";
    ErrInternalNext => zh "请稍后再试。如果一直这样，把请求编号告诉管理员。",
        en "Try again later. If it keeps happening, give the request ID to the administrator.";
    ErrBusyTitle => zh "服务暂时不可用", en "The service is not available right now";
    ErrBusyBody => zh "服务器正在启动、关闭，或者连不上存储。",
        en "The server is starting, stopping, or cannot reach its storage.";
    ErrBusyNext => zh "请过一会儿再试。", en "Please try again in a little while.";
}

phrases! {
    login_continue(app: &str) => zh "登录后继续使用“{app}”", en "to continue to “{app}”";
    setup_min(count: usize) => zh "至少 {count} 个字符，越长越好。", en "At least {count} characters; longer is better.";
    setup_too_short(count: usize) => zh "密码太短，至少要 {count} 个字符。",
        en "That password is too short. Use at least {count} characters.";
    home_hello(name: &str) => zh "你好，{name}", en "Hello, {name}";
    home_percent(percent: u64) => zh "已用 {percent}%", en "{percent}% used";
    apps_end(app: &str) => zh "收回“{app}”的权限", en "Take access back from “{app}”";
    apps_shares(count: u64) => zh "{count} 个仍然有效，收回权限后也不会自动取消", en "{count} still open; they stay when access is taken back";
    apps_more_shares(count: u64) => zh "还有 {count} 个", en "and {count} more";
    apps_end_shares(count: u64) => zh "同时取消它创建的 {count} 个分享", en "Also cancel what it shared ({count})";
    more_than(size: &str) => zh "超过 {size}", en "more than {size}";
    password_title(account: &str) => zh "给“{account}”设置新密码", en "A new password for “{account}”";
    share_by(owner: &str, size: &str) => zh "{owner} 分享 · {size}", en "Shared by {owner} · {size}";
    share_from(owner: &str) => zh "{owner} 分享", en "Shared by {owner}";
    share_counts(folders: i64, files: i64) => zh "{folders} 个文件夹，{files} 个文件", en "Folders: {folders} · Files: {files}";
    drop_for(owner: &str) => zh "发送给 {owner}", en "Send files to {owner}";
    drop_most(size: &str) => zh "每个文件最大 {size}。", en "At most {size} for each file.";
    consent_title(app: &str) => zh "“{app}”想访问你的网盘", en "“{app}” wants to use your drive";
    device_approve_title(app: &str) => zh "允许“{app}”连接？", en "Connect “{app}”?";
    device_approved(app: &str) => zh "“{app}”现在可以使用你允许的权限了。",
        en "“{app}” can now do what you allowed.";
}

/// Sign-in is closed for a while.
pub(super) fn login_throttled(lang: Lang, wait: u64) -> String {
    let wait = format::minutes(lang, wait);
    match lang {
        Lang::Zh => format!("登录失败次数太多。请 {wait}后再试，在此之前正确的密码也不会被接受。"),
        Lang::En => {
            format!("Too many failed sign-ins. Try again in {wait}; until then even the right password is refused.")
        }
    }
}

/// Entering codes is closed for a while.
pub(super) fn device_throttled(lang: Lang, wait: u64) -> String {
    let wait = format::minutes(lang, wait);
    match lang {
        Lang::Zh => format!("输错的代码太多。请 {wait}后再试。"),
        Lang::En => format!("Too many wrong codes. Try again in {wait}."),
    }
}

/// A span that something lasts yet, roughly.
pub(super) fn within(lang: Lang, seconds: u64) -> String {
    let (count, zh, en) = match seconds {
        0..5400 => (seconds.div_ceil(60).max(1), "分钟", "minute"),
        5400..129_600 => ((seconds + 1800) / 3600, "小时", "hour"),
        _ => ((seconds + 43_200) / 86_400, "天", "day"),
    };
    match lang {
        Lang::Zh => format!("{count} {zh}后"),
        Lang::En if count == 1 => format!("in 1 {en}"),
        Lang::En => format!("in {count} {en}s"),
    }
}

/// What to do about too many attempts.
pub(super) fn too_many_next(lang: Lang, wait: u64) -> String {
    let wait = format::minutes(lang, wait);
    match lang {
        Lang::Zh => format!("请 {wait}后再试。"),
        Lang::En => format!("Try again in {wait}."),
    }
}
