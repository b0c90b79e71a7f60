# The pass that brings gradients back over the tape: to the leaves, or to the tensors that `gradients` is asked for.
#
# The graph itself is in _tape.pyx; what torch.autograd adds to the pass is in _autograd.py.

cdef unsigned long long sweeps = 0
cdef str SPENT = ("a backward pass went through this graph before and freed it; to go through it again, call the first one as "
                  "backward(retain_graph=True)")


cdef class Search:
    """The leaves and nodes whose gradients are asked for, and the way to them."""
    cdef dict found             # by id of what is asked for, its gradient so far
    cdef set useful             # ids of the nodes from which something of that is reached
    cdef bint broken            # whether nodes were met that an earlier pass has freed

    cdef look(self, Node root):
        """Find the useful nodes among those that `root` was made from."""
        cdef Node node
        cdef list stack = [root]
        cdef dict users = {}
        cdef set seen = {id(root)}
        while stack:
            node = stack.pop()
            if node.spent:
                self.broken = True
                continue
            for edge in node.edges:
                users.setdefault(id(edge), []).append(id(node))
                if isinstance(edge, Node) and id(edge) not in seen:
                    seen.add(id(edge))
                    stack.append(edge)
        self.useful = set()
        stack = list(self.found)
        while stack:
            for user in users.get(stack.pop(), ()):
                if user not in self.useful:
                    self.useful.add(user)
                    stack.append(user)

    cdef bint wants(self, object edge):
        return id(edge) in self.useful or id(edge) in self.found


cdef count_consumers(Node root, unsigned long long sweep, Search search):
    """Set ``pending`` of every node that is to be visited; refuses graphs that can no longer be differentiated."""
    cdef Node node, source
    cdef list stack = [root]
    root.sweep, root.pending, root.gradient = sweep, 0, None
    while stack:
        node = stack.pop()
        if search is not None and id(node) not in search.useful:
            continue
        if node.spent:
            raise RuntimeError(SPENT)
        if (node.watched is not None and versions_of(node.watched) != node.versions
                or node.keeps and (node.overwritten or node.views is not None and node.views.count != node.seen)):
            raise RuntimeError(f"a tensor that the gradient of {node.name} needs was changed in place after it was used or made; "
                               "compute the result anew, or change a clone()")
        for edge in node.edges:
            if isinstance(edge, Node) and (search is None or search.wants(edge)):
                source = <Node>edge
                if source.sweep != sweep:
                    source.sweep, source.pending, source.gradient = sweep, 0, None
                    stack.append(source)
                source.pending += 1


def backward(TensorBase root not None, gradient, bint retain):
    """Send `gradient` (an array, None for one) from `root` to the leaves, adding to their gradients."""
    gradient = first_of(root, gradient)
    if root.node is None:
        add_to_leaf(root, gradient if root.hooks is None else hooked(root.hooks, gradient))
    else:
        sweep_back(root.node, gradient, retain, None)


def gradients(TensorBase root not None, gradient, bint retain, tuple inputs):
    """The gradients that reach `inputs` (None: none does) from `root`, as arrays of their own; no leaf is changed."""
    cdef Search search = Search.__new__(Search)
    cdef TensorBase tensor
    cdef list keys = []
    for tensor in inputs:
        keys.append(id(tensor) if tensor.node is None else id(tensor.node))
    search.found = dict.fromkeys(keys)
    gradient = first_of(root, gradient)
    if root.node is None:
        search.found[id(root)] = gradient if root.hooks is None else hooked(root.hooks, gradient)
    else:
        search.look(root.node)
        sweep_back(root.node, gradient, retain, search)
    parts = [search.found[key] for key in keys]
    if search.broken and any([part is None for part in parts]):
        raise RuntimeError(SPENT)
    return [None if part is None else np.array(part, wanted.dtype, order="C") for part, wanted in zip(parts, inputs)]


cpdef object first_of(TensorBase root, object gradient):
    """The gradient that a pass begins with."""
    if not root.wants:
        raise RuntimeError("this tensor does not require grad, and nothing it was made from does: there is nothing to "
                           "differentiate; make a leaf with requires_grad=True")
    if gradient is None:
        if cnp.PyArray_SIZE(root.array) != 1:
            raise RuntimeError(f"backward() needs a gradient for a tensor of shape {root.shape}; only for one element it is 1")
        gradient = cnp.PyArray_EMPTY(root.array.ndim, root.array.shape, cnp.PyArray_TYPE(root.array), 0)
        gradient.fill(1)
    return gradient


cdef object hooked(dict hooks, object gradient):
    """What the hooks of a tensor make of its gradient."""
    for hook in list(hooks.values()):
        answer = hook(wrap(gradient))
        if answer is None:
            continue
        array = (<TensorBase>answer).array if isinstance(answer, TensorBase) else np.asarray(answer)
        if array.shape != gradient.shape:
            raise RuntimeError(f"a hook was given a gradient of shape {gradient.shape} and returned one of shape {array.shape}; "
                               "return one of the same shape, or None to leave it as it is")
        gradient = array.astype(gradient.dtype, copy=False)
    return gradient


cdef sweep_back(Node root, object gradient, bint retain, Search search):
    """Visit every node once, when all that used its result have sent their gradients."""
    global sweeps
    cdef Node node, source
    cdef list ready = [root]
    cdef dict late = None       # gradients of the leaves that must be complete before they are handed on
    sweeps += 1
    count_consumers(root, sweeps, search)
    root.gradient = gradient
    while ready:
        node = ready.pop()
        gradient, node.gradient = node.gradient, None
        if gradient is not None and node.hooks is not None:
            gradient = hooked(node.hooks, gradient)
        if search is not None:
            if id(node) in search.found:
                search.found[id(node)] = gradient
            if id(node) not in search.useful:
                continue
        if gradient is not None:
            if node.kept is not None:
                add_to_leaf(node.kept, gradient)
            node.retained = retain
            gradients = node.backward(gradient)
        edges = node.edges
        if not retain:
            node.release()
        for i in range(len(edges)):
            edge = edges[i]
            if edge is None or search is not None and not search.wants(edge):
                continue
            part = gradients[i] if gradient is not None else None
            if not isinstance(edge, Node):
                if part is None:
                    continue
                if search is None and (<TensorBase>edge).hooks is None:
                    add_to_leaf(<TensorBase>edge, part)
                    continue
                late = {} if late is None else late
                late[id(edge)] = edge, part if id(edge) not in late else late[id(edge)][1] + part
                continue
            source = <Node>edge
            if part is not None:
                source.gradient = part if source.gradient is None else source.gradient + part
            source.pending -= 1
            if source.pending == 0:
                ready.append(source)
    if late is not None:
        hand_on(late, search)


cdef hand_on(dict late, Search search):
    """Give the leaves that waited for it their whole gradient, through their hooks."""
    cdef TensorBase leaf
    for leaf, gradient in late.values():
        if leaf.hooks is not None:
            gradient = hooked(leaf.hooks, gradient)
        if search is None:
            add_to_leaf(leaf, gradient)
        else:
            search.found[id(leaf)] = gradient


cdef cnp.ndarray free_home(object edge):
    """Where a node may write the gradient of a leaf: its home, if nobody looks at what stands there; else None."""
    cdef TensorBase leaf
    if not isinstance(edge, TensorBase):
        return None
    leaf = <TensorBase>edge
    if leaf.gradient is not None or leaf.home is None or holders(<PyObject *>leaf.home) != 1:
        return None
    if not cnp.PyArray_SAMESHAPE(leaf.home, leaf.array) or cnp.PyArray_TYPE(leaf.home) != cnp.PyArray_TYPE(leaf.array):
        return None
    return leaf.home


cdef enum:
    SMALL = 1 << 18     # bytes that are copied home; a larger gradient stays where its node made it


cdef add_to_leaf(TensorBase leaf, object part):
    cdef cnp.ndarray array = <cnp.ndarray>part if isinstance(part, cnp.ndarray) else np.asarray(part)
    cdef cnp.ndarray home
    if leaf.gradient is None and leaf.home is not None:
        if array is leaf.home:
            leaf.gradient = array
            return
        if cnp.PyArray_NBYTES(array) <= SMALL and cnp.PyArray_SAMESHAPE(array, leaf.array):
            home = free_home(leaf)
            if home is not None:
                cnp.PyArray_CopyInto(home, array)
                leaf.gradient = home
                return
    if not cnp.PyArray_SAMESHAPE(array, leaf.array):
        raise RuntimeError(f"a gradient of shape {(<object>array).shape} reached a tensor of shape {leaf.shape}")
    if leaf.gradient is not None and cnp.PyArray_ISWRITEABLE(leaf.gradient):
        np_add(leaf.gradient, array, leaf.gradient, casting="same_kind")
    elif leaf.gradient is not None:
        leaf.gradient = np_add(leaf.gradient, array, dtype=leaf.array.dtype, casting="same_kind")
    elif (<object>array).base is None and Py_REFCNT(array) <= 3 and (<object>array).dtype == (<object>leaf.array).dtype and cnp.PyArray_ISCARRAY(array):
        leaf.gradient = array           # nobody else holds it: only the node's answer and the names here
    else:
        leaf.gradient = np.array(array, leaf.array.dtype, order="C")
