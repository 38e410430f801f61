internal import PodiumModel

/// Where everything stands: a pure function of the size.
struct DashboardLayout: Sendable, Equatable {
    enum Size: Sendable, Equatable {
        /// Below 40x10: one status line.
        case tiny
        /// From 40x10: the table, the persister in one line.
        case compact
        /// From 60x18: four panels between rules.
        case normal
        /// From 120x30: six boxes.
        case wide
    }

    let size: Size
    let columns: Int
    let lines: Int
    private(set) var header: Frame
    /// Each with its title line; boxes with their border.
    private(set) var frames: [Panel: Frame] = [:]
    /// The persister's line in compact screens.
    private(set) var persisterLine: Frame?
    let status: Frame
    let bar: Frame
    let isBoxed: Bool

    init(columns: Int, lines: Int, endpointCount: Int, focus: Panel, isZoomed: Bool) {
        self.columns = columns
        self.lines = lines
        size =
            if columns < 40 || lines < 10 {
                .tiny
            } else if columns < 60 || lines < 18 {
                .compact
            } else if columns < 120 || lines < 30 {
                .normal
            } else {
                .wide
            }
        isBoxed = size == .wide
        header = Frame(column: 0, line: 0, width: columns, height: size == .wide ? 2 : 1)
        status = Frame(column: 0, line: max(0, lines - 2), width: columns, height: 1)
        bar = Frame(column: 0, line: max(0, lines - 1), width: columns, height: 1)
        guard size != .tiny else { return }
        let area = Frame(column: 0, line: header.height, width: columns, height: lines - header.height - 2)
        switch size {
        case .wide: arrangeWide(area, endpointCount)
        case .normal: arrangeNormal(area, endpointCount)
        default: arrangeCompact(area, endpointCount)
        }
        if isZoomed || frames[focus] == nil {
            frames = [focus: area]
            persisterLine = nil
        }
    }

    private mutating func arrangeWide(_ area: Frame, _ endpointCount: Int) {
        let right = max(48, min(80, columns / 3))
        let left = columns - right
        let persisterHeight = 9
        let rest = area.height - persisterHeight
        let tableHeight = min(max(16, endpointCount + 4), rest * 6 / 10)
        let middle = area.line + tableHeight
        let leftHalf = left / 2
        frames[.endpoints] = Frame(column: 0, line: area.line, width: left, height: tableHeight)
        frames[.detail] = Frame(column: left, line: area.line, width: right, height: tableHeight)
        frames[.persister] = Frame(column: 0, line: middle, width: leftHalf, height: persisterHeight)
        frames[.flushes] = Frame(column: leftHalf, line: middle, width: left - leftHalf, height: persisterHeight)
        frames[.chart] = Frame(column: left, line: middle, width: right, height: persisterHeight)
        // The journal needs a line of its own beside the log; a narrower screen shows it when it has the focus.
        let journal = columns >= 170 ? right : 0
        let below = middle + persisterHeight
        frames[.events] = Frame(column: 0, line: below, width: columns - journal, height: rest - tableHeight)
        if journal > 0 {
            frames[.journal] = Frame(column: left, line: below, width: journal, height: rest - tableHeight)
        }
    }

    private mutating func arrangeNormal(_ area: Frame, _ endpointCount: Int) {
        // Three rules, the column titles and four lines of the persister are fixed.
        let free = area.height - 8
        let tableRows = max(3, min(endpointCount, free - max(3, free / 3)))
        let middle = area.line + 2 + tableRows
        let half = columns / 2 - 1
        frames[.endpoints] = Frame(column: 0, line: area.line, width: columns, height: tableRows + 2)
        frames[.persister] = Frame(column: 0, line: middle, width: half, height: 5)
        frames[.flushes] = Frame(column: half + 1, line: middle, width: columns - half - 1, height: 5)
        frames[.events] = Frame(
            column: 0, line: middle + 5, width: columns, height: area.bottom - middle - 5)
    }

    private mutating func arrangeCompact(_ area: Frame, _ endpointCount: Int) {
        persisterLine = Frame(column: 0, line: area.bottom - 1, width: columns, height: 1)
        let free = area.height - 1
        // A tall narrow screen has room for the log below the table.
        let events = free >= 12 ? max(4, free - max(5, endpointCount + 2)) : 0
        frames[.endpoints] = Frame(column: 0, line: area.line, width: columns, height: free - events)
        if events > 0 {
            frames[.events] = Frame(column: 0, line: area.bottom - 1 - events, width: columns, height: events)
        }
    }

    /// Where a panel's text stands.
    func content(of panel: Panel) -> Frame {
        guard let frame = frames[panel] else { return Frame(column: 0, line: 0, width: 0, height: 0) }
        if isBoxed { return frame.inner }
        return Frame(column: frame.column, line: frame.line + 1, width: frame.width, height: max(0, frame.height - 1))
    }

    /// Rows of the table between its titles and, in a box, its legend.
    var tableRows: Int { max(0, content(of: .endpoints).height - (isBoxed ? 2 : 1)) }

    /// Lines of a panel that scroll.
    func page(of panel: Panel) -> Int {
        switch panel {
        case .endpoints: tableRows
        case .flushes, .chart: max(0, content(of: panel).height - 1)
        case .persister, .events, .detail, .journal: content(of: panel).height
        }
    }
}
