package words

// Chinese are the words for whoever reads simplified Chinese.
var Chinese = Texts{
	Language: "zh", Colon: "：",
	Help: Help{
		Usage: "用法：", Examples: "示例：", Commands: "命令：", Flags: "选项：", GlobalFlags: "通用选项：",
		More: "用“%s [命令] --help”查看某个命令的说明。", ExitStatus: "退出状态：", Command: "命令", Flag: "选项", Arguments: "参数", OfCommand: "显示 %s 的说明",
	},
	Command: map[string]Command{
		"": {
			Short: "让 OpenClaw 网关保持运行，并随时了解它的状态",
			Long:  "clawtray 让 OpenClaw 网关保持运行，并在系统托盘中显示它的状态。\n不带命令时直接启动；如果已有一个在运行，会告诉您。",
			Flags: map[string]string{
				"profile": "使用这个名称的 OpenClaw 配置方案，设置和状态各自独立", "lang": "界面语言，en 或 zh（默认跟随系统）",
				"headless": "不显示图标", "port": "网关的端口（默认取自设置，其次取自 OpenClaw 的配置）",
				"debug": "记录更详细的日志", "trace-rpc": "记录每个数据帧，不含密钥", "version": "显示版本",
				"show": "如果已在运行，就打开它的控制台，或通知网关的状态",
			},
		},
		"approvals": {
			Short: "完整显示等您答复的请求，并作出答复",
			Long:  "显示等您答复的请求：执行前征求同意的命令和插件，以及想接入的设备、节点和发送者。\n每次答复只对这一次有效，这里不会永久允许任何请求。",
			Flags: map[string]string{"json": "以 JSON 格式输出请求"},
		},
		"approvals allow": {Short: "允许一个请求，仅此一次", Flags: map[string]string{"json": "以 JSON 格式输出结果"}},
		"approvals deny":  {Short: "拒绝一个请求", Flags: map[string]string{"json": "以 JSON 格式输出结果"}},

		"autostart":        {Short: "设置 clawtray 是否在登录时启动"},
		"autostart on":     {Short: "登录时启动 clawtray"},
		"autostart off":    {Short: "登录时不启动 clawtray"},
		"autostart status": {Short: "查看 clawtray 是否在登录时启动"},

		"completion": {
			Short: "生成指定 shell 的自动补全脚本",
			Long:  "为某种 shell 生成 clawtray 的自动补全脚本。用法见下面各命令的说明。",
		},
		"completion bash": {
			Short: "生成 bash 的自动补全脚本",
			Long: "生成 bash 的自动补全脚本。需要软件包 bash-completion。\n\n在当前 shell 中启用：\n\n\tsource <(clawtray completion bash)\n\n" +
				"在每个新的 shell 中启用：\n\n\tclawtray completion bash > ~/.local/share/bash-completion/completions/clawtray",
			Flags: map[string]string{"no-descriptions": "补全时不显示说明"},
		},
		"completion zsh": {
			Short: "生成 zsh 的自动补全脚本",
			Long: "生成 zsh 的自动补全脚本。zsh 的补全功能必须已启用：在 ~/.zshrc 中写入“autoload -U compinit; compinit”。\n\n" +
				"在当前 shell 中启用：\n\n\tsource <(clawtray completion zsh)\n\n在每个新的 shell 中启用：\n\n\tclawtray completion zsh > \"${fpath[1]}/_clawtray\"",
			Flags: map[string]string{"no-descriptions": "补全时不显示说明"},
		},
		"completion fish": {
			Short: "生成 fish 的自动补全脚本",
			Long: "生成 fish 的自动补全脚本。\n\n在当前 shell 中启用：\n\n\tclawtray completion fish | source\n\n" +
				"在每个新的 shell 中启用：\n\n\tclawtray completion fish > ~/.config/fish/completions/clawtray.fish",
			Flags: map[string]string{"no-descriptions": "补全时不显示说明"},
		},
		"completion powershell": {
			Short: "生成 powershell 的自动补全脚本",
			Long: "生成 powershell 的自动补全脚本。\n\n在当前 shell 中启用：\n\n\tclawtray completion powershell | Out-String | Invoke-Expression\n\n" +
				"要在每个新的 shell 中启用，请把该命令的输出加入您的 profile。",
			Flags: map[string]string{"no-descriptions": "补全时不显示说明"},
		},

		"config": {
			Short: "显示 clawtray 的设置、它们的来源和其中的错误",
			Flags: map[string]string{"default": "输出一份包含所有设置、默认值和用途的设置文件", "path": "输出设置文件的路径"},
		},
		"diagnostics": {
			Short: "保存一份报告，交给帮助您的人；其中没有密钥",
			Flags: map[string]string{"output": "保存到哪个文件（默认在下载文件夹中新建）"},
		},
		"doctor": {Short: "检查 clawtray 所依赖的一切，并告诉您该怎么做", Flags: map[string]string{"json": "以 JSON 格式输出"}},
		"help":   {Short: "显示任何命令的说明"},
		"install": {
			Short: "把 Node 和 OpenClaw 下载到您的数据文件夹",
			Long: "从您配置的 npm 软件源把 Node 和 OpenClaw 下载到您的数据文件夹。\n不会改动电脑上的其他内容，也不需要事先装有 Node 或 npm。\n\n" +
				"不指定版本时，安装的是与本版 clawtray 一起测试过的版本，其中每个软件包的\n校验值都必须与 clawtray 记录的一致。其他版本（包括用 --update 得到的）的校验值\n" +
				"由软件源提供，因此必须通过 https 访问。不会运行任何软件包的脚本。",
			Flags: map[string]string{
				"data-dir": "安装到哪里（默认是您的数据文件夹）", "node": "Node 的版本（默认 %s，或 OpenClaw 所需的版本）",
				"openclaw": "OpenClaw 的版本（默认 %s；如果已装的更新，则保持不变）", "if-missing": "如果已有可用的 Node 和 OpenClaw，就什么也不做",
				"check":  "不安装：只显示装了什么、是否完整、有什么新版本",
				"update": "安装最新的 OpenClaw 和它所需的 Node；新版本能用之前，旧版本会保留",
				"remove": "删除安装在这里的内容，仅此而已",
			},
		},
		"logs": {
			Short: "显示 clawtray 及其网关的日志",
			Flags: map[string]string{"follow": "持续显示新写入的内容，直到中断", "lines": "显示最后多少行（默认 %s）"},
		},
		"open": {Short: "在浏览器中打开控制台，并自动登录"},
		"openclaw": {
			Short: "运行 clawtray 所用的 OpenClaw 的命令",
			Long:  "直接运行 OpenClaw，使用 clawtray 所管理的网关的 Node、PATH、配置方案和状态。\n--profile 同时决定两者的配置方案；其余参数都交给 OpenClaw。",
		},
		"quit":    {Short: "退出 clawtray；网关由它启动时一并停止", Flags: map[string]string{"now": "不等待正在进行的任务", "when-idle": "等待正在进行的任务，不限时间"}},
		"restart": {Short: "重启网关", Flags: map[string]string{"now": "不等待正在进行的任务", "when-idle": "等待正在进行的任务，不限时间"}},
		"restore": {
			Short: "恢复被 OpenClaw 的 doctor 修改的配置",
			Long:  "把 OpenClaw 的配置恢复到被它的 doctor 修改之前的样子。现在的内容会保存在它旁边，\n名为 openclaw.json.replaced-时间。正在运行的网关会像每次修改后一样读取该文件。",
		},
		"start": {
			Short: "启动网关",
			Flags: map[string]string{"last-good": "先换回网关上次接受的配置", "safe": "不带渠道和插件，直到下次重启"},
		},
		"status":  {Short: "显示网关的状态", Flags: map[string]string{"json": "以 JSON 格式输出完整报告", "watch": "持续显示每个变化，直到中断"}},
		"stop":    {Short: "停止网关", Flags: map[string]string{"now": "不等待正在进行的任务"}},
		"version": {Short: "显示版本"},
	},
	Exit: map[int]Exit{
		0: {Means: "已完成", Exactly: map[string]string{
			"allow": "网关已收到答复", "deny": "网关已收到答复", "clawtray": "clawtray 按要求结束，或已有另一个在运行",
			"config": "设置没有错误", "doctor": "没有需要您处理的问题", "restore": "配置已恢复到被 OpenClaw 的 doctor 修改之前",
			"logs": "已显示日志，或 --follow 被中断", "status": "已显示状态（无论是什么状态），或 --watch 被中断",
		}},
		1: {Means: "失败；原因见标准错误输出", Exactly: map[string]string{
			"allow":    "没有作出答复：请求已过期、已在别处答复，或无法送达；详见标准错误输出",
			"deny":     "没有作出答复：请求已过期、已在别处答复，或无法送达；详见标准错误输出",
			"clawtray": "clawtray 无法启动、因错误而结束，或已在使用其他端口运行",
			"config":   "设置有错误；出错的设置使用默认值", "doctor": "有问题需要您处理；输出中说明了是什么、怎么做",
			"install": "失败；使用 --check 时：没有安装，或安装不完整", "status": "clawtray 未运行，或没有响应",
		}},
		2:   {Means: "命令行有误"},
		130: {Means: "完成之前被中断", Exactly: map[string]string{"clawtray": ""}},
	},
	Said: Said{
		Ended: "clawtray 已退出。", AlreadyRunning: "clawtray 已在运行；用 clawtray status 查看网关的状态。",
		NothingToRestore: "没有可恢复的内容：OpenClaw 的 doctor 所做的修改，现在都已不存在",
		LoginOn:          "clawtray 会在登录时启动。", LoginOff: "clawtray 不会在登录时启动。",
		Checkout: "届时启动的是 %s，而“make clean”会删除它。用“make install”可以把 clawtray 长期安装到 ~/.local。",
		Service:  "OpenClaw 自己的服务也已安装（%s）；clawtray 不会改动它，而是连接到它的网关。",

		HereAlready: "OpenClaw %s（%s）和 Node %s（%s）已经可用。", Installed: "已安装 OpenClaw %s 和 Node %s。",
		Complete: "已安装  OpenClaw %s 和 Node %s，完整：%d 个文件，%d MB\n        %s", Tested: "已测试  OpenClaw %s 和 Node %s，随本版 clawtray",
		NewestUnknown: "最新版  未知：%s", NewestToGet: "最新版  OpenClaw %s；用 clawtray install --update 获取", Newest: "最新版  OpenClaw %s",
		RunsFromIt: "网关（进程 %d）正在使用它。请先用 clawtray stop 停止网关",
		Removed:    "clawtray 安装的 Node 和 OpenClaw 已删除。OpenClaw 的设置和数据没有改动。", Starting: "正在启动网关…",
		RestartForIt: "网关正在运行 OpenClaw %s；用 clawtray restart 重启后，将使用新安装的版本。",
		Megabytes:    "%d / %d MB", Files: "%d 个文件",

		NotThere: "（不存在）", FromDefault: "默认值", FromLine: "第 %d 行", Mistaken: "设置有错误；出错的设置使用默认值\n%s",

		Attempt: "；%s 再次尝试，第 %d 次，共 %d 次", Active: "；还有 %d 个任务在进行", Until: "；最迟到 %s", Slow: "；比平常慢：%s",
	},
	Wrong: Wrong{
		TakesNothing: "%s 不接受参数，%q 是多余的", NoCommand: "没有命令 %q；", DidYouMean: "您是不是想用 %s？", ListsThem: "用 %s 查看所有可用的", Or: " 或 ",
		NeedsValue: "%s 需要一个值", CannotBe: "--%s 不能是 %q：%s", NoFlag: "%s 没有选项 %s；", TrueOrFalse: "只能是 true 或 false", WholeNumber: "请填写整数",
		Exclude: "%s 不能同时使用，请只选一个", And: " 和 ", FromOn: "%s应是不小于 %d 的整数", FromTo: "%s应在 %d 到 %d 之间", APort: "端口", Lines: "行数",
		OneID:       "请写一个请求的编号，或编号的开头；用 clawtray approvals 查看所有请求",
		InstallOnce: "--if-missing、--check、--update、--openclaw 和 --remove 只能选一个",
		Unwell:      "有问题需要您处理；请看上面的建议", Output: "无法写出结果：%s",
		RunsAlready: "clawtray 已在运行，%s；请先用 clawtray quit 退出，再重新启动", OtherPort: "它的网关使用端口 %d，而不是 %d", CannotBeGiven: "无法再给它加上 %s",
	},
	Doctor: Doctor{ // #nosec G101 -- sentences about tokens, no tokens
		OK: "正常", Warning: "警告", Problem: "问题",
		OneProblem: "1 个问题，", Problems: "%d 个问题，", OneWarning: "1 个警告。", Warnings: "%d 个警告。", NoProblem: "没有问题，", AllWell: "一切正常。",
		Silent: "%v 内没有响应", SilentRemedy: "请再试一次；如果仍然如此，说明所涉及的磁盘、程序或系统卡住了。",
		Settings: "设置", State: "状态", Log: "日志", Runtime: "运行环境",

		Mistakes: "文件有错误；出错的设置使用默认值", MistakesRemedy: "请更正 %s；用 clawtray config --default 可以看到正确的写法。",
		NoFile: "没有设置文件，全部使用默认值", Sets: "%s 设置了 %s", Nothing: "（无）", Correct: "请更正 %s。", CorrectIn: "请在 %s 中更正。",

		NotRunning: "clawtray 未运行", EndIt: "请结束该进程，然后重新启动 clawtray。", Running: "clawtray 正在运行；网关：%s", Because: "（%s）",
		LookAtLog: "请查看日志，然后运行 clawtray restart。", WaitForIt: "请稍候；用 clawtray status --watch 可以看到进展。",

		PortFree: "端口 %d 空闲", PortNobody: "网关在运行，但没有程序使用端口 %d", LookAgain: "请稍后再看；如果仍然如此，请运行 clawtray restart。",
		PortOfUser: "端口 %d 被占用：%s", OtherPort: "请选择其他端口，例如 %d，并写入 %s。", PortTaken: "端口 %d 被%s占用，它不是网关",
		QuitOrOther: "请退出该程序，或选择其他端口，例如 %d，并写入 %s。", PortSilent: "端口 %d 由我们的网关使用（%s），但它没有响应",
		WaitRestarts: "请稍候；clawtray 会重启停止响应的网关。", PortGateway: "端口 %d 上已有一个网关：%s",
		StartTakesOver: "请启动 clawtray：它会接管自己的网关，或连接到其他程序的网关。",
		PortAttached:   "端口 %d 由其他程序运行的网关使用（%s）；clawtray 已连接到它",
		PortOtherPID:   "端口 %d 上的网关是 %s，而不是 clawtray 所说的进程 %d", PortOurs: "端口 %d 由我们的网关使用（%s）",
		PortConfigured: "配置的端口是 %d（%s）；除非指定了 --port，下次启动将使用它",

		RunUnreadable: "无法读取运行记录：%s", RunAside: "无需处理：下次启动时会把它移开。", RunNothing: "没有遗留任何内容",
		RunOurs: "进程 %d 是正在运行的 clawtray 的网关", RunAlive: "上次的网关（进程 %d）仍在运行，但没有 clawtray 管理它",
		RunTakeOver: "请启动 clawtray：它会接管该网关，其任务不受影响。", RunGone: "上次没有正常结束；它的网关（进程 %d）已不在，下次启动时会清理",

		Install: "请运行 clawtray install。", Pair: "OpenClaw %s（%s），Node %s（%s）", Tools: "技能所需的程序都有", ToolsMissing: "缺少：%s",
		ToolsRemedy: "如果您使用这类技能，请把它安装到网关的 PATH 能找到的地方。",
		OpenPath:    "任何用户都能把程序放进 %s，而它在网关的 PATH 中", OpenPathRemedy: "请把它从 PATH 中去掉，或运行 chmod o-w %s。",

		TokenMade: "由 clawtray 生成，因为没有其他设置", TokenNone: "还没有；首次启动时会生成", TokenAuth: "请更正 %s 中的 gateway.auth。",
		TokenOver: "另有一个来自%s，它不起作用", TokenOverRemedy: "请删除不起作用的那个，以免误用。",

		ConfigNone: "不存在；OpenClaw 会在首次启动时写入（%s）", ConfigRemote: "%s 使用的是另一台计算机上的网关（gateway.mode 为 remote）",
		ConfigLocal: "请将 gateway.mode 设为 local，以在本机运行网关。", ConfigTunnel: "请运行 %s 来连接它，或将 gateway.mode 设为 local，以在本机运行网关。",
		RowOver: "；不用 %s（%s）",

		SecretOpen: "其他用户可以读取 %s（权限 %04o）", SecretRemedy: "请运行 chmod %s %s；如果可能已被他人读取，请更换其中的密钥。",
		NoSecrets: "还没有保存任何密钥", SecretsClosed: "%d 个文件和文件夹，都只有您能读取",

		NotWritable: "无法写入 %s：%s", NotWritableRemedy: "请检查它是什么、归谁所有：它必须是您可以写入的文件夹。",
		DiskFull: "%s 所在的磁盘已满（剩余 %s）", FreeSpace: "请释放一些空间。", DiskLow: "%s 所在的磁盘快满了（剩余 %s）", FreeSpaceSoon: "请尽快释放一些空间。",
		CacheOpen: "%s：Node 不会在那里保存编译结果，网关启动会变慢", CacheRemedy: "请把它移走；clawtray 会新建一个。",
		Writable: "可以写入，剩余 %s", NotAFolder: "%s 不是文件夹",

		LoginUnreadable: "无法读取登录启动项：%s", LoginRemedy: "请把“登录时启动”关闭后再打开。", LoginOff: "未开启",
		LoginOther: "登录时启动的是另一个 clawtray：%s", LoginOtherRemedy: "要在登录时启动本程序，请把“登录时启动”关闭后再打开。", LoginOn: "已开启，启动 %s",
		NoService: "没有", Service: "%s；clawtray 会连接到它的网关，不会改动该服务",
	},
	Desktop: Desktop{
		NoBus: "没有会话总线，因此既没有图标也没有通知：%s", NoBusRemedy: "请在桌面会话中运行 clawtray，或使用 clawtray --headless 和各个命令。",
		Answers: "有响应", Unnamed: "未知的桌面", BusSilent: "会话总线没有响应：%s", LogInAgain: "请注销并重新登录。",
		NoIcons: "%s 上没有程序显示托盘图标", TraySilent: "%s 的托盘没有响应：%s", RestartPanel: "请重启面板，或注销并重新登录。",
		NoPanel: "%s 上有托盘图标的管理程序，但没有面板显示图标", Icons: "%s 会显示图标",
		NotifiesOnDemand: "有通知时，会启动一个程序来显示", NoNotifications: "没有程序显示通知",
		InstallDaemon:       "如果想在出现问题时得到通知，请安装通知程序，例如 dunst。",
		NotificationsSilent: "通知程序没有响应：%s", RestartServer: "请重启它，或注销并重新登录。", NotificationsBy: "由 %s 显示",
		NoSystemBus: "没有系统总线；clawtray 会在半分钟内通过时钟察觉睡眠", Sleep: "会告知睡眠和注销",
		NoLogind: "系统总线上没有 %s；clawtray 会在半分钟内通过时钟察觉睡眠",
	},
	Elsewhere: elsewhere,
}
